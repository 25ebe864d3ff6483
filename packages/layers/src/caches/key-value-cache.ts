import {
  createKeyValueStore,
  hostCallback,
  type KeyValueStore,
  type KeyValueStoreOptions,
  type KeyValues,
  type KvCacheDtype,
  storeToAppendTo,
} from "@mixtape/ops";
import { concat, dispose, pad, slice, type Tensor, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { LayerCache, LayerCacheState, Snapshot } from "./layer-cache.js";

/** Options of a {@link KeyValueCache}. */
export interface KeyValueCacheOptions extends KeyValueStoreOptions {
  /** Maximum number of positions that a token attends to, its own included; null for all. Default: null. */
  readonly window?: number | null;
}

/**
 * Keys and values of the tokens of a layer, or with `sharedWidth` the latents of multi-head latent attention, whose
 * first numbers are the values.
 *
 * Without a window everything is kept. With one, the positions added last and the `window − 1` before them are kept:
 * all past positions that the next token attends to, even if the last addition is rolled back. The engine that is
 * current when the first tokens are added determines the storage.
 */
export class KeyValueCache implements LayerCache {
  readonly window: number | null;
  readonly #options: KeyValueStoreOptions;
  #store: KeyValueStore | undefined;
  #length = 0;
  #committed = 0;
  #generation: object = {};
  /** Lengths that a snapshot may restore. */
  readonly #pinned = new Set<{ readonly length: number }>();

  constructor({ window = null, ...options }: KeyValueCacheOptions = {}) {
    this.window = window;
    this.#options = options;
  }

  /** Storage of the keys and values. */
  get kvCacheDtype(): KvCacheDtype {
    return this.#options.kvCacheDtype ?? "auto";
  }

  get layout(): string {
    const { sharedWidth } = this.#options;
    const kept = sharedWidth === undefined ? "keys and values" : `latents with values of ${sharedWidth}`;
    return this.window === null ? kept : `${kept}, window ${this.window}`;
  }

  get length(): number {
    return this.#length;
  }

  get generation(): object {
    return this.#generation;
  }

  /** Number of past positions that the next token attends to. */
  get keyLength(): number {
    return Math.min(this.#held, this.#needed);
  }

  /**
   * Appends the keys and values of new tokens.
   * @param keys `[B, G, L, D]` @param values `[B, G, L, Dv]`; absent if they are the first numbers of the keys
   * @returns the keys and values that the new tokens attend to: the held ones, then the new, `[B, G, keyLength + L,
   *   …]`. The cache owns them, and they are valid until it changes.
   * @throws {LayersError} if the batch size differs from the cache's.
   */
  append(keys: Tensor4D, values?: Tensor4D): KeyValues {
    const past = this.#store;
    if (past && past.length > 0 && past.rows !== keys.shape[0])
      throw new LayersError({
        where: "KeyValueCache",
        expected: `${past.rows} rows, as in the cache`,
        got: `${keys.shape[0]}`,
        fix: "Use one cache per batch",
      });
    const store = past ? storeToAppendTo(past, this.#options) : createKeyValueStore(this.#options);
    if (store !== past) this.#generation = {};
    this.#store = store;
    this.evict();
    store.append({ keys, values });
    const count = keys.shape[2];
    hostCallback(() => {
      this.#length += count;
    });
    return store.view();
  }

  commit(): void {
    hostCallback(() => {
      this.#committed = this.#length;
    });
  }

  rollback(): void {
    if (this.#length > this.#committed) this.truncate(this.#committed);
  }

  evict(): void {
    this.#store?.evict(this.#held - this.keyLength);
  }

  canTruncate(length: number): boolean {
    return length >= this.#fewestLeft;
  }

  truncate(length: number): void {
    if (!this.canTruncate(length))
      throw new LayersError({
        where: "KeyValueCache.truncate",
        expected: `at least ${this.#fewestLeft} positions`,
        got: `${length}`,
        fix: "The sliding window has evicted positions that the remaining ones need: start a new cache, or take a snapshot first",
      });
    this.#generation = {};
    // Positions added later do not belong to the state of a snapshot.
    for (const pin of this.#pinned) if (pin.length > length) this.#pinned.delete(pin);
    const excess = this.#length - length;
    if (excess > 0) {
      this.#store?.truncate(Math.max(0, this.#held - excess));
      this.#length = length;
    }
    this.#committed = Math.min(this.#committed, this.#length);
  }

  canShiftRight(shifts: readonly number[]): boolean {
    if (this.#length === this.#held) return true;
    const needed = (this.window ?? Infinity) - 1;
    return shifts.every((shift) => shift === 0 || shift >= this.#length || this.#held - shift >= needed);
  }

  shiftRight(shifts: readonly number[]): void {
    const store = this.#store;
    if (!shifts.some((shift) => shift > 0) || !store || store.length === 0) return;
    if (!this.canShiftRight(shifts))
      throw new LayersError({
        where: "KeyValueCache.shiftRight",
        expected: `shifts that leave the ${this.window! - 1} positions that the next token attends to`,
        got: `[${shifts}] of the ${this.#held} that are held`,
        fix: "The sliding window has evicted positions that the rows need: start a new cache",
      });
    this.#generation = {};
    this.#pinned.clear();
    // As exported, so that codes are shifted, and not rounded anew.
    const exported = store.exportState();
    const shifted = tidy(() => mapOf(exported, (tensor) => shiftRows(tensor as Tensor4D, shifts)));
    dispose(Object.values(exported));
    store.importState(shifted);
    dispose(Object.values(shifted));
  }

  reorder(rows: readonly number[]): void {
    this.#generation = {};
    this.#pinned.clear();
    this.#store?.reorder(rows);
  }

  /** Keeps the positions that it may restore. */
  snapshot(): Snapshot {
    const pin = { length: this.#length };
    this.#pinned.add(pin);
    return {
      restore: () => {
        if (!this.#pinned.has(pin))
          throw new LayersError({
            where: "Snapshot.restore",
            expected: `a cache that still has its first ${pin.length} positions, with unchanged rows`,
            got: "a cache that was truncated below them, reordered or disposed, or a released snapshot",
          });
        this.truncate(pin.length);
      },
      release: () => {
        this.#pinned.delete(pin);
      },
    };
  }

  copy(): KeyValueCache {
    const copy = new KeyValueCache({ ...this.#options, window: this.window });
    const state = this.exportState();
    try {
      copy.importState(state);
    } finally {
      for (const tensor of Object.values(state.tensors)) tensor.dispose();
    }
    return copy;
  }

  exportState(): LayerCacheState {
    const store = this.#store;
    if (!store || store.length === 0) return { length: this.#length, tensors: {} };
    this.evict();
    return { length: this.#length, tensors: store.exportState() };
  }

  importState({ length, tensors }: LayerCacheState): void {
    const held = tensors.keys?.shape[2] ?? 0;
    const needed = Math.min(length, (this.window ?? Infinity) - 1);
    if (held < needed || held > length)
      throw new LayersError({
        where: "KeyValueCache.importState",
        expected: `from ${needed} to ${length} positions, as in ${this.layout}`,
        got: `${held}`,
      });
    this.dispose();
    if (held > 0) {
      this.#store = createKeyValueStore(this.#options);
      this.#store.importState(tensors);
    }
    this.#length = this.#committed = length;
  }

  dispose(): void {
    this.#generation = {};
    this.#store?.dispose();
    this.#store = undefined;
    this.#pinned.clear();
    this.#length = this.#committed = 0;
  }

  get #held(): number {
    return this.#store?.length ?? 0;
  }

  /** Number of past positions that the next token, or a snapshot, needs. */
  get #needed(): number {
    const earliest = Math.min(this.#length, ...Array.from(this.#pinned, ({ length }) => length));
    return this.#length - earliest + (this.window ?? Infinity) - 1;
  }

  /** Minimum length that it can be truncated to. */
  get #fewestLeft(): number {
    const evicted = this.#length - this.#held;
    return evicted === 0 ? 0 : evicted + (this.window ?? Infinity) - 1;
  }
}

function mapOf(tensors: LayerCacheState["tensors"], f: (tensor: Tensor) => Tensor): LayerCacheState["tensors"] {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, f(tensor)]));
}

/** @param tensor `[B, G, S, D]` */
function shiftRows(tensor: Tensor4D, shifts: readonly number[]): Tensor4D {
  const length = tensor.shape[2];
  return concat(
    shifts.map((shift, row) => {
      const kept = Math.max(0, length - shift);
      const rest = slice(tensor, [row, 0, 0, 0], [1, -1, kept, -1]);
      return pad(rest, [[0, 0], [0, 0], [length - kept, 0], [0, 0]]); // biome-ignore format: one pair an axis
    }),
    0,
  );
}
