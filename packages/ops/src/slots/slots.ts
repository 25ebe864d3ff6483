import type { Dtype } from "@mixtape/safetensors";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/** Keys and values, `[B, G, S, D]` each. */
export type KeyValues = {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
};

/** What an engine is told of the slots that it makes. */
export interface SlotsOptions {
  /** The dtype of the model's checkpoint: an engine may hold keys and values in it. Float32 where absent. */
  readonly dtype?: Dtype;
}

/**
 * The keys and values of one layer, a slot for each position: they grow at their end. Each engine may have its own; see
 * `Storage.slots`.
 *
 * Slots of no length take any batch, heads and width; those that the first slots have, the next must have.
 */
export interface Slots {
  /** B; 0 where there are no slots. */
  readonly rows: number;
  /** How many slots there are, those that were dropped not counted. */
  readonly length: number;
  /**
   * Adds slots at the end: `[B, G, L, D]` each, which stay the caller's.
   * @throws {OpsError} where they do not fit the slots that there are; nothing is added then.
   */
  append(added: KeyValues): void;
  /**
   * All slots, `[B, G, length, D]` each, to attend to. The tensors belong to the slots, outlive any `tf.tidy`, and are valid
   * until the next change; so are clones of them. There must be a slot.
   */
  view(): KeyValues;
  /** Forgets the first `count` slots. */
  dropFirst(count: number): void;
  /** Forgets the slots from `length` on; none where there are no more. */
  crop(length: number): void;
  /** Makes row `i` what row `rows[i]` was. There may be more or fewer rows than before. */
  reorder(rows: readonly number[]): void;
  /** Frees what they own. There are no slots then, and new ones can be added. */
  dispose(): void;
}

/**
 * Checks what is to be appended.
 * @throws {OpsError} where keys and values differ in shape, or do not fit `[B, G, …, D]` of the slots that there are.
 */
export function checkAppended(added: KeyValues, held?: readonly number[]): void {
  const { shape } = added.keys;
  const fits =
    shape.length === 4 &&
    added.values.shape.join() === shape.join() &&
    (!held || [0, 1, 3].every((axis) => shape[axis] === held[axis]));
  if (!fits)
    throw new OpsError({
      where: "Slots.append",
      expected: `keys and values ${held ? `[${held[0]}, ${held[1]}, L, ${held[3]}]` : "[B, G, L, D]"} of one shape`,
      got: `[${shape}] and [${added.values.shape}]`,
    });
}
