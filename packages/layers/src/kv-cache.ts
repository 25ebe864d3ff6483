/// <reference lib="esnext.disposable" preserve="true" />
import { createSlots, effect, type KeyValues, type Slots, type SlotsOptions, slotsToAppendTo } from "@mixtape/ops";
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";

/**
 * The keys and values of tokens that a model has seen, so that the next token costs one step and not the whole text.
 *
 * Layers without a window keep everything. Those with one keep the tokens that were added last and the `window − 1` before
 * them: all that the next token can see of the past, also after the last addition is taken back with `crop`. The engine in
 * use when a layer gets its first tokens says how they are kept. The cache owns that storage: dispose it.
 */
export class KVCache {
  /** For each layer its window in tokens, or null where it sees everything. */
  readonly windows: readonly (number | null)[];
  readonly #options: SlotsOptions;
  readonly #slots: (Slots | undefined)[];
  readonly #seen: number[];
  #epoch: object = {};

  /** @param options.dtype of the model's checkpoint: an engine may keep keys and values in it; float32 where absent. */
  constructor(windows: readonly (number | null)[], options: SlotsOptions = {}) {
    this.windows = windows;
    this.#options = options;
    this.#slots = windows.map(() => undefined);
    this.#seen = windows.map(() => 0);
  }

  /** How many tokens of each row the whole model has seen, those that slid out of windows included. */
  get length(): number {
    return Math.min(...this.#seen);
  }

  /**
   * An object that is the same as long as tokens were only added to the storage that there was: a key for what was recorded of
   * that storage.
   */
  get epoch(): object {
    return this.#epoch;
  }

  /** How many tokens of the past the next token of layer `layer` attends to. */
  heldBy(layer: number): number {
    return Math.min(this.#lengthOf(layer), this.#mostHeld(layer));
  }

  /**
   * Adds the keys and values of new tokens to a layer.
   * @param keys `[B, G, L, D]` @param values `[B, G, L, D]`
   * @returns what the new tokens attend with: those that the layer held, then the new, `[B, G, held + L, D]`. They belong to
   *   the cache, and are valid until it changes.
   * @throws {LayersError} where the batch differs from the cache's.
   */
  append(layer: number, keys: Tensor4D, values: Tensor4D): KeyValues {
    const past = this.#slots[layer];
    if (past && past.length > 0 && past.rows !== keys.shape[0])
      throw new LayersError({
        where: "KVCache",
        expected: `${past.rows} rows, as in the cache`,
        got: `${keys.shape[0]}`,
        fix: "Use one cache per batch",
      });
    const slots = past ? slotsToAppendTo(past) : createSlots(this.#options);
    if (slots !== past) this.#epoch = {};
    this.#slots[layer] = slots;
    slots.dropFirst(slots.length - this.heldBy(layer));
    slots.append({ keys, values });
    const count = keys.shape[2];
    effect(() => {
      this.#seen[layer]! += count;
    });
    return slots.view();
  }

  /** Lets go of what slid out of windows. `append` does too; once this is done, it is the same for each token. */
  slide(): void {
    for (const [layer, slots] of this.#slots.entries()) slots?.dropFirst(slots.length - this.heldBy(layer));
  }

  /**
   * Forgets all tokens from `length` on.
   * @throws {LayersError} where a window has slid past what would be needed.
   */
  crop(length: number): void {
    const fewest = Math.max(...this.windows.map((_, layer) => this.#fewestLeft(layer)));
    if (length < fewest)
      throw new LayersError({
        where: "KVCache.crop",
        expected: `at least ${fewest} tokens`,
        got: `${length}`,
        fix: "A sliding layer no longer holds what the tokens before would need; start a new cache",
      });
    this.#epoch = {};
    for (const [layer, slots] of this.#slots.entries()) {
      const excess = this.#seen[layer]! - length;
      if (excess <= 0) continue;
      slots?.crop(Math.max(0, slots.length - excess));
      this.#seen[layer] = length;
    }
  }

  /** Makes row `i` of the cache what row `rows[i]` was, as beam search does. */
  reorder(rows: readonly number[]): void {
    this.#epoch = {};
    for (const slots of this.#slots) slots?.reorder(rows);
  }

  /** Frees all storage; the cache is empty and can be used again. */
  dispose(): void {
    this.#epoch = {};
    for (const [layer, slots] of this.#slots.entries()) {
      slots?.dispose();
      this.#slots[layer] = undefined;
      this.#seen[layer] = 0;
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #lengthOf(layer: number): number {
    return this.#slots[layer]?.length ?? 0;
  }

  /** How many tokens must stay when a layer is cropped, so that it holds all that the next token sees. */
  #fewestLeft(layer: number): number {
    const slid = this.#seen[layer]! - this.#lengthOf(layer);
    return slid === 0 ? 0 : slid + this.#mostHeld(layer);
  }

  #mostHeld(layer: number): number {
    return (this.windows[layer] ?? Infinity) - 1;
  }
}
