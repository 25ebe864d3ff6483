/// <reference lib="esnext.disposable" preserve="true" />
import { LayersError } from "../errors.js";
import type { LayerCache, LayerCacheState, Snapshot } from "./layer-cache.js";

/**
 * What a model remembers of the tokens that it has seen: the caches of its layers. It owns their memory: dispose it.
 *
 * It may be kept between the turns of a chat, copied to serve several continuations of one prefix, and saved.
 */
export class Cache {
  readonly layers: readonly LayerCache[];
  #generations: readonly object[] = [];
  #generation: object = {};

  constructor(layers: readonly LayerCache[]) {
    this.layers = layers;
  }

  /** Positions of each row that the model has seen, those that layers no longer hold included. */
  get length(): number {
    return this.layers.length === 0 ? 0 : Math.min(...this.layers.map(({ length }) => length));
  }

  /** The layout of each layer's cache: caches of the same layouts can stand for each other. */
  get layouts(): readonly string[] {
    return this.layers.map(({ layout }) => layout);
  }

  /** Changes whenever anything happens but adding to the storage that there is: captured graphs are keyed by it. */
  get generation(): object {
    if (this.layers.some(({ generation }, i) => generation !== this.#generations[i])) {
      this.#generations = this.layers.map(({ generation }) => generation);
      this.#generation = {};
    }
    return this.#generation;
  }

  /** Keeps what the layers have added since the last call. A model's forward pass calls it. */
  commit(): void {
    for (const layer of this.layers) layer.commit();
  }

  /** Takes back what the layers have added since the last {@link commit}. A forward pass that fails calls it. */
  rollback(): void {
    for (const layer of this.layers) layer.rollback();
  }

  /** Frees what no later token needs. */
  evict(): void {
    for (const layer of this.layers) layer.evict();
  }

  /** Whether all layers still have what the positions before `length` need. */
  canTruncate(length: number): boolean {
    return this.layers.every((layer) => layer.canTruncate(length));
  }

  /**
   * Forgets all positions from `length` on.
   * @throws {LayersError} where a layer no longer has what the positions before would need; nothing has changed then.
   */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0)
      throw new LayersError({ where: "Cache.truncate", expected: "a number of positions", got: `${length}` });
    // One that cannot says so before any has changed.
    this.layers.find((layer) => !layer.canTruncate(length))?.truncate(length);
    for (const layer of this.layers) layer.truncate(length);
  }

  /** Makes row `i` of the cache what row `rows[i]` was, as beam search does. */
  reorder(rows: readonly number[]): void {
    for (const layer of this.layers) layer.reorder(rows);
  }

  /** Returns a state to go back to, as speculative decoding does. */
  snapshot(): Snapshot {
    const snapshots = this.layers.map((layer) => layer.snapshot());
    return {
      restore: () => {
        for (const snapshot of snapshots) snapshot.restore();
      },
      release: () => {
        for (const snapshot of snapshots) snapshot.release();
      },
    };
  }

  /** Returns a cache with the same contents and memory of its own, to continue one prefix in several ways. */
  copy(): Cache {
    return new Cache(this.layers.map((layer) => layer.copy()));
  }

  /** Returns copies of the contents of each layer, whose tensors are the caller's. */
  exportState(): readonly LayerCacheState[] {
    return this.layers.map((layer) => layer.exportState());
  }

  /**
   * Takes contents in place of its own. The tensors stay the caller's.
   * @throws {LayersError} where they are not those of a cache of these layouts; the cache is empty then.
   */
  importState(states: readonly LayerCacheState[]): void {
    if (states.length !== this.layers.length)
      throw new LayersError({
        where: "Cache.importState",
        expected: `${this.layers.length} layers`,
        got: `${states.length}`,
      });
    try {
      for (const [i, layer] of this.layers.entries()) layer.importState(states[i]!);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Frees all memory; the cache is empty and can be used again. */
  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
