import type { KeyValueStoreOptions } from "@mixtape/ops";
import type { Tensor } from "@tensorflow/tfjs-core";

/** Options of a layer's cache. */
export type LayerCacheOptions = Pick<KeyValueStoreOptions, "dtype">;

/** The contents of a layer's cache, as tensors by name, which belong to whoever asked for them. */
export interface LayerCacheState {
  /** Positions that the layer has seen. */
  readonly length: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** A state that a cache can go back to, as often as wanted. It holds memory until it is released. */
export interface Snapshot {
  /** @throws {LayersError} where the cache has since lost what the state needs: it was truncated below it, or its rows reordered. */
  restore(): void;
  release(): void;
}

/**
 * What one layer remembers of the tokens that it has seen, so that the next token costs one step and not the whole text. A
 * {@link TokenMixer} brings its own: keys and values ({@link KeyValueCache}), tensors of fixed size ({@link StateCache}), or another.
 *
 * A forward pass adds to it, and then commits what all layers have added, or takes it back where the pass fails.
 */
export interface LayerCache {
  /** Names what is kept and how, such as `keys and values, window 4`: caches of one layout can stand for each other. */
  readonly layout: string;
  /** Positions that the layer has seen, those that it no longer holds included. */
  readonly length: number;
  /** Changes whenever anything happens but adding to the storage that there is: captured graphs are keyed by it. */
  readonly generation: object;
  /** Keeps what was added since the last call. */
  commit(): void;
  /** Takes back what was added since the last {@link commit}. */
  rollback(): void;
  /** Frees what no later token needs. Adding does so too; after this call it is the same for each token. */
  evict(): void;
  /** Whether it still has what the positions before `length` need. */
  canTruncate(length: number): boolean;
  /**
   * Forgets all positions from `length` on.
   * @throws {LayersError} where it cannot.
   */
  truncate(length: number): void;
  /** Whether {@link shiftRight} can, and every row still has what its next token needs. */
  canShiftRight(shifts: readonly number[]): boolean;
  /**
   * Moves row `i` to the right by `shifts[i]` positions, so that rows that are cut to different lengths end together: its last
   * positions are forgotten, and what comes in at the left is padding, which masks hide.
   * @throws {LayersError} where it cannot.
   */
  shiftRight(shifts: readonly number[]): void;
  /** Makes row `i` what row `rows[i]` was, as beam search does. There may be more or fewer rows than before. */
  reorder(rows: readonly number[]): void;
  snapshot(): Snapshot;
  /** Returns a cache of the same layout with the same contents. */
  copy(): LayerCache;
  /** Returns copies of the contents. */
  exportState(): LayerCacheState;
  /**
   * Takes contents in place of its own. The tensors stay the caller's.
   * @throws {LayersError} where they are not those of a cache of this layout.
   */
  importState(state: LayerCacheState): void;
  /** Frees all memory; the cache is empty and can be used again. */
  dispose(): void;
}
