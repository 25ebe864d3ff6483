import type { KeyValueStoreOptions } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";

/** Options of a layer's cache. */
export type LayerCacheOptions = Pick<KeyValueStoreOptions, "dtype" | "kvCacheDtype">;

/** Contents of a layer's cache, as tensors by name, which the caller owns. */
export interface LayerCacheState {
  /** Number of positions that the layer has processed. */
  readonly length: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** A state that a cache can be restored to, any number of times. It holds memory until it is released. */
export interface Snapshot {
  /**
   * @throws {LayersError} if the cache no longer has the state: it was truncated below it, or its rows were reordered.
   */
  restore(): void;
  release(): void;
}

/**
 * Cache of one layer, which makes the next token cost one step instead of the whole text. A {@link TokenMixer} brings
 * its own: keys and values ({@link KeyValueCache}), tensors of fixed size ({@link StateCache}), or another.
 *
 * A forward pass adds to it, and then commits the additions of all layers, or rolls them back if the pass fails.
 */
export interface LayerCache {
  /** Describes the contents, such as `keys and values, window 4`: caches of one layout are interchangeable. */
  readonly layout: string;
  /** Number of positions that the layer has processed, evicted ones included. */
  readonly length: number;
  /** Changes whenever the cache does anything but grow within its storage: captured graphs are keyed by it. */
  readonly generation: object;
  /** Commits the additions since the last call. */
  commit(): void;
  /** Undoes additions since the last {@link commit}. */
  rollback(): void;
  /**
   * Frees everything that no later token needs. Adding also does so; after this call each token needs the same memory.
   */
  evict(): void;
  /** Whether it still has everything that the positions before `length` need. */
  canTruncate(length: number): boolean;
  /**
   * Removes all positions from `length` on.
   * @throws {LayersError} if that is impossible.
   */
  truncate(length: number): void;
  /** Whether {@link shiftRight} is possible, such that every row still has everything its next token needs. */
  canShiftRight(shifts: readonly number[]): boolean;
  /**
   * Shifts row `i` to the right by `shifts[i]` positions, so that rows that are truncated to different lengths end
   * together: its last positions are removed, and padding is inserted at the left, which masks hide.
   * @throws {LayersError} if that is impossible.
   */
  shiftRight(shifts: readonly number[]): void;
  /** Replaces row `i` by row `rows[i]`, as in beam search. The number of rows may change. */
  reorder(rows: readonly number[]): void;
  snapshot(): Snapshot;
  /** Returns a cache of the same layout with the same contents. */
  copy(): LayerCache;
  /** Returns copies of the contents. */
  exportState(): LayerCacheState;
  /**
   * Replaces the contents. The caller keeps the tensors.
   * @throws {LayersError} if they do not fit this layout.
   */
  importState(state: LayerCacheState): void;
  /** Frees all memory; the cache is then empty and can be used again. */
  dispose(): void;
}
