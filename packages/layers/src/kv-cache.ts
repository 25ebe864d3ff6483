import { concat, dispose, gather, keep, slice, type Tensor4D, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { LayersError } from "./errors.js";

/** Keys and values of one layer, `[B, G, S, D]` each. */
type Stored = { readonly keys: Tensor4D; readonly values: Tensor4D };

/**
 * The keys and values of tokens that a model has seen, so that the next token costs one step and not the whole text.
 *
 * Layers without a window keep everything. Those with one keep the tokens that were added last and the `window − 1` before
 * them: all that the next token can see of the past, also after the last addition is taken back with `crop`. The cache owns
 * its tensors: dispose it.
 */
export class KVCache {
  /** For each layer its window in tokens, or null where it sees everything. */
  readonly windows: readonly (number | null)[];
  readonly #stored: (Stored | undefined)[];
  readonly #seen: number[];

  constructor(windows: readonly (number | null)[]) {
    this.windows = windows;
    this.#stored = windows.map(() => undefined);
    this.#seen = windows.map(() => 0);
  }

  /** How many tokens of each row the whole model has seen, those that slid out of windows included. */
  get length(): number {
    return Math.min(...this.#seen);
  }

  /** How many tokens of the past the next token of layer `layer` attends to. */
  heldBy(layer: number): number {
    return Math.min(this.#slots(layer), this.#mostHeld(layer));
  }

  /**
   * Adds the keys and values of new tokens to a layer. Inside `tf.tidy`, as in a forward pass; the cache keeps what it needs.
   * @param keys `[B, G, L, D]` @param values `[B, G, L, D]`
   * @returns what the new tokens attend with: those that the layer held, then the new, `[B, G, held + L, D]`
   * @throws {LayersError} where the batch differs from the cache's.
   */
  append(layer: number, keys: Tensor4D, values: Tensor4D): Stored {
    const stored = this.#stored[layer];
    if (stored && stored.keys.shape[0] !== keys.shape[0])
      throw new LayersError({
        where: "KVCache",
        expected: `${stored.keys.shape[0]} rows, as in the cache`,
        got: `${keys.shape[0]}`,
        fix: "Use one cache per batch",
      });
    const held = this.heldBy(layer);
    const join = (past: Tensor4D, added: Tensor4D): Tensor4D => concat([lastSlots(past, held), added], 2);
    const all =
      stored && held > 0
        ? tidy(() => ({ keys: join(stored.keys, keys), values: join(stored.values, values) }))
        : { keys, values };
    this.#store(layer, all, this.#seen[layer]! + keys.shape[2]);
    return all;
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
    for (const [layer, stored] of this.#stored.entries()) {
      const excess = this.#seen[layer]! - length;
      if (excess <= 0) continue;
      const left = this.#slots(layer) - excess;
      this.#store(layer, stored && left > 0 ? mapStored(stored, (t) => firstSlots(t, left)) : undefined, length);
    }
  }

  /** Makes row `i` of the cache what row `rows[i]` was, as beam search does. */
  reorder(rows: readonly number[]): void {
    const order = tensor1d([...rows], "int32");
    for (const [layer, stored] of this.#stored.entries())
      if (stored)
        this.#store(
          layer,
          mapStored(stored, (t) => gather(t, order)),
          this.#seen[layer]!,
        );
    order.dispose();
  }

  /** Frees all tensors; the cache is empty and can be used again. */
  dispose(): void {
    for (const layer of this.windows.keys()) this.#store(layer, undefined, 0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #store(layer: number, all: Stored | undefined, seen: number): void {
    const past = this.#stored[layer];
    this.#stored[layer] = all && mapStored(all, keep);
    this.#seen[layer] = seen;
    if (past) dispose([past.keys, past.values]);
  }

  #slots(layer: number): number {
    return this.#stored[layer]?.keys.shape[2] ?? 0;
  }

  /** How many tokens must stay when a layer is cropped, so that it holds all that the next token sees. */
  #fewestLeft(layer: number): number {
    const slid = this.#seen[layer]! - this.#slots(layer);
    return slid === 0 ? 0 : slid + this.#mostHeld(layer);
  }

  #mostHeld(layer: number): number {
    return (this.windows[layer] ?? Infinity) - 1;
  }
}

function mapStored({ keys, values }: Stored, f: (tensor: Tensor4D) => Tensor4D): Stored {
  return { keys: f(keys), values: f(values) };
}

function firstSlots(tensor: Tensor4D, n: number): Tensor4D {
  return slice(tensor, [0, 0, 0, 0], [-1, -1, n, -1]);
}

/** The last `n` slots; the tensor itself where it has no more. */
function lastSlots(tensor: Tensor4D, n: number): Tensor4D {
  const held = tensor.shape[2];
  return held <= n ? tensor : slice(tensor, [0, 0, held - n, 0], [-1, -1, n, -1]);
}
