import type { Dtype } from "@mixtape/safetensors";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/** Keys `[B, G, S, D]` and values `[B, G, S, Dv]`. */
export type KeyValues = {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
};

/** Options of a store. */
export interface KeyValueStoreOptions {
  /** Dtype of the model's checkpoint: an engine may hold keys and values in it. Default float32. */
  readonly dtype?: Dtype;
  /**
   * Keys alone are kept, and the first `sharedWidth` numbers of each are its values too, as in the latent attention of DeepSeek:
   * `append` takes keys alone. By default keys and values are kept apart.
   */
  readonly sharedWidth?: number;
}

/** What is appended: keys, and values where the store keeps them apart. */
export type AppendedKeyValues = { readonly keys: Tensor4D; readonly values?: Tensor4D | undefined };

/**
 * The keys and values of one layer, one of each for each position: they grow at their end. Each engine may have its own; see
 * `Storage.keyValueStore`.
 *
 * A store of no length takes any batch, heads and widths; those of the first positions are those of the next.
 */
export interface KeyValueStore {
  /** B; 0 while there are no positions. */
  readonly rows: number;
  /** Number of positions, those that were evicted not counted. */
  readonly length: number;
  /**
   * Adds positions at the end: keys `[B, G, L, D]` and values `[B, G, L, Dv]`, which stay the caller's.
   * @throws {OpsError} where they do not fit what is there; nothing is added then.
   */
  append(added: AppendedKeyValues): void;
  /**
   * Returns all positions, keys `[B, G, length, D]` and values `[B, G, length, Dv]`, to attend to. The tensors belong to the store,
   * outlive any `tf.tidy`, and are valid until the next change; so are clones of them. There must be a position.
   */
  view(): KeyValues;
  /** Forgets the first `count` positions. */
  evict(count: number): void;
  /** Forgets the positions from `length` on; none where there are no more. */
  truncate(length: number): void;
  /** Makes row `i` what row `rows[i]` was. There may be more or fewer rows than before. */
  reorder(rows: readonly number[]): void;
  /** Frees the memory. The store is empty then, and can be used again. */
  dispose(): void;
}

/**
 * Checks what is to be appended.
 * @param held the shapes that are there, of keys and values
 * @throws {OpsError} where keys and values do not fit each other, or `[B, G, …, D]` of what is there.
 */
export function checkAppended(
  { keys, values }: AppendedKeyValues,
  { sharedWidth }: KeyValueStoreOptions,
  held?: { readonly keys: readonly number[]; readonly values: readonly number[] },
): void {
  const like = (shape: readonly number[], other: readonly number[], axes: readonly number[]): boolean =>
    shape.length === 4 && axes.every((axis) => shape[axis] === other[axis]);
  const { shape } = keys;
  const isShared = sharedWidth !== undefined;
  const valuesFit = isShared
    ? values === undefined && sharedWidth <= (shape[3] ?? 0)
    : values !== undefined && like(values.shape, shape, [0, 1, 2]) && (!held || values.shape[3] === held.values[3]);
  if (like(shape, held?.keys ?? shape, [0, 1, 3]) && valuesFit) return;
  const [b, g, width, valueWidth] = held
    ? [held.keys[0], held.keys[1], held.keys[3], held.values[3]]
    : ["B", "G", isShared ? `D ≥ ${sharedWidth}` : "D", "Dv"];
  throw new OpsError({
    where: "KeyValueStore.append",
    expected: `keys [${b}, ${g}, L, ${width}] and ${isShared ? "no values" : `values [${b}, ${g}, L, ${valueWidth}]`}`,
    got: `[${shape}] and ${values ? `[${values.shape}]` : "no values"}`,
  });
}
