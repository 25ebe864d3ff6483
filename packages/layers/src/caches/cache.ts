/// <reference lib="esnext.disposable" preserve="true" />
import type { KeyPadding } from "@mixtape/ops";
import { LayersError } from "../errors.js";
import { type AddedTokens, type CachedRow, CachedTokens } from "./cached-tokens.js";
import type { LayerCache, LayerCacheState, Snapshot } from "./layer-cache.js";

/** Contents of a cache. The caller owns the tensors. */
export interface CacheState {
  readonly layers: readonly LayerCacheState[];
  readonly rows: readonly CachedRow[];
}

/**
 * The past tokens of a model: the caches of its layers, and the ids and positions of the tokens. It owns its memory:
 * dispose it.
 *
 * It can be kept between the turns of a chat, copied to serve several continuations of one prefix, and saved.
 */
export class Cache {
  readonly layers: readonly LayerCache[];
  #tokens = new CachedTokens();
  #generations: readonly object[] = [];
  #generation: object = {};

  constructor(layers: readonly LayerCache[]) {
    this.layers = layers;
  }

  /** Positions of each row that the model has processed, including those that layers have evicted. */
  get length(): number {
    return this.layers.length === 0 ? 0 : Math.min(...this.layers.map(({ length }) => length));
  }

  /** B; 0 while the cache is empty. */
  get rows(): number {
    return this.#tokens.count;
  }

  /** Number of tokens of each row, without padding. */
  get lengths(): readonly number[] {
    return this.#tokens.lengths;
  }

  /**
   * Returns the ids of a row's tokens, without padding; null for an embedding.
   * @throws {LayersError} if there is no such row.
   */
  tokens(row: number): readonly (number | null)[] {
    if (!Number.isInteger(row) || row < 0 || row >= this.rows)
      throw new LayersError({
        where: "Cache.tokens",
        expected: this.rows === 0 ? "a cache with rows in it" : `a row from 0 to ${this.rows - 1}`,
        got: this.rows === 0 ? "an empty one" : `${row}`,
      });
    return this.#tokens.tokens(row);
  }

  /** `[B, length]`, 0 for padding; null if there is none. */
  get padding(): KeyPadding | null {
    return this.#tokens.padding;
  }

  /** Next position id of each row. */
  get nextPositions(): readonly number[] {
    return this.#tokens.nextPositions;
  }

  /** Layout of each layer's cache: caches with equal layouts are interchangeable. */
  get layouts(): readonly string[] {
    return this.layers.map(({ layout }) => layout);
  }

  /** Changes whenever the cache does anything but grow within its storage: captured graphs are keyed by it. */
  get generation(): object {
    if (this.layers.some(({ generation }, i) => generation !== this.#generations[i])) {
      this.#generations = this.layers.map(({ generation }) => generation);
      this.#generation = {};
    }
    return this.#generation;
  }

  /** Records the tokens that a forward pass has added. A model calls it after the pass. */
  addTokens(added: AddedTokens): void {
    this.#tokens.add(added);
  }

  /** Commits the positions that the layers have added. A model's forward pass calls it. */
  commit(): void {
    for (const layer of this.layers) layer.commit();
  }

  /** Undoes additions of the layers since the last {@link commit}. A failed forward pass calls it. */
  rollback(): void {
    for (const layer of this.layers) layer.rollback();
  }

  /** Frees everything that no later token needs. */
  evict(): void {
    for (const layer of this.layers) layer.evict();
  }

  /** Whether {@link truncate} is possible. */
  canTruncate(length: number | readonly number[]): boolean {
    if (typeof length === "number") return this.layers.every((layer) => layer.canTruncate(length));
    const { longest, shifts } = this.#cut(length);
    // The layers are checked before they are truncated to the longest row.
    const fromHere = shifts.map((shift) => (shift === 0 ? 0 : shift + this.length - longest));
    return this.layers.every((layer) => layer.canTruncate(longest) && layer.canShiftRight(fromHere));
  }

  /**
   * Removes all positions from `length` on, or with a list all tokens of row `i` from `length[i]` on. Rows still end
   * together: a shorter one is padded on its left.
   * @param length of all rows, padding included; or tokens of each row, without padding
   * @throws {LayersError} if a layer no longer has the positions that the remaining ones need; then nothing has
   *   changed.
   */
  truncate(length: number | readonly number[]): void {
    if (typeof length === "number") this.#truncateAll(length);
    else this.#truncateRows(length);
  }

  #truncateAll(length: number): void {
    if (!Number.isInteger(length) || length < 0)
      throw new LayersError({ where: "Cache.truncate", expected: "a number of positions", got: `${length}` });
    // A layer that cannot be truncated throws before any has changed.
    this.layers.find((layer) => !layer.canTruncate(length))?.truncate(length);
    for (const layer of this.layers) layer.truncate(length);
    this.#tokens.truncate(length);
  }

  #truncateRows(lengths: readonly number[]): void {
    const { longest, shifts } = this.#cut(lengths);
    if (!this.canTruncate(lengths))
      throw new LayersError({
        where: "Cache.truncate",
        expected: "rows that the layers can be cut to",
        got: `[${lengths}] of [${this.lengths}] tokens`,
        fix: "A sliding window or a recurrence has moved past them: start a new cache, or take a snapshot first",
      });
    this.#truncateAll(longest);
    if (longest === 0) return;
    for (const layer of this.layers) layer.shiftRight(shifts);
    this.#tokens.shiftRight(shifts);
  }

  /** Returns the end of the row that loses least, and the shifts that make the others end there too. */
  #cut(lengths: readonly number[]): { readonly longest: number; readonly shifts: readonly number[] } {
    const held = this.lengths;
    const fits = (n: number, row: number) => Number.isInteger(n) && n >= 0 && n <= held[row]!;
    if (!Array.isArray(lengths) || lengths.length !== held.length || !lengths.every(fits))
      throw new LayersError({
        where: "Cache.truncate",
        expected: `a number of tokens for each row, at most [${held}]`,
        got: `[${lengths}]`,
      });
    const removed = lengths.map((n, row) => held[row]! - n);
    const least = Math.min(...removed);
    // A row without tokens is all padding.
    const longest = lengths.every((n) => n === 0) ? 0 : this.length - least;
    return { longest, shifts: removed.map((n, row) => (lengths[row] === 0 ? longest : n - least)) };
  }

  /**
   * Replaces row `i` of the cache by row `rows[i]`, as in beam search.
   * @throws {LayersError} if the cache has tokens, and no such row; then nothing has changed.
   */
  reorder(rows: readonly number[]): void {
    const count = this.rows;
    const isRow = (row: number) => Number.isInteger(row) && row >= 0 && row < count;
    if (!Array.isArray(rows) || (count > 0 && (rows.length === 0 || !rows.every(isRow))))
      throw new LayersError({
        where: "Cache.reorder",
        expected: `a list of rows from 0 to ${Math.max(count - 1, 0)}, at least one`,
        got: Array.isArray(rows) ? `[${rows}]` : `${rows}`,
      });
    for (const layer of this.layers) layer.reorder(rows);
    this.#tokens.reorder(rows);
  }

  /** Returns a restorable state, as used by speculative decoding. */
  snapshot(): Snapshot {
    const snapshots = this.layers.map((layer) => layer.snapshot());
    const rows = this.#tokens.export();
    return {
      restore: () => {
        for (const snapshot of snapshots) snapshot.restore();
        this.#tokens = new CachedTokens(rows);
      },
      release: () => {
        for (const snapshot of snapshots) snapshot.release();
      },
    };
  }

  /** Returns a cache with the same contents in separate memory, to continue one prefix in several ways. */
  copy(): Cache {
    const copy = new Cache(this.layers.map((layer) => layer.copy()));
    copy.#tokens = new CachedTokens(this.#tokens.export());
    return copy;
  }

  /** Returns a copy of the contents, whose tensors the caller owns. */
  exportState(): CacheState {
    return { layers: this.layers.map((layer) => layer.exportState()), rows: this.#tokens.export() };
  }

  /**
   * Replaces the contents. The caller keeps the tensors.
   * @throws {LayersError} for anything else than an exported state, and then nothing has changed; or if the tensors do not
   *   fit these layouts, and the cache is then empty.
   */
  importState(state: CacheState): void {
    checkState(state);
    const { layers, rows } = state;
    if (layers.length !== this.layers.length)
      throw new LayersError({
        where: "Cache.importState",
        expected: `${this.layers.length} layers`,
        got: `${layers.length}`,
      });
    try {
      for (const [i, layer] of this.layers.entries()) layer.importState(layers[i]!);
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.#tokens = new CachedTokens(rows);
  }

  /** Frees all memory; the cache is then empty and can be used again. */
  dispose(): void {
    for (const layer of this.layers) layer.dispose();
    this.#tokens.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws {LayersError} for anything else than what `exportState` returns */
function checkState(state: unknown): void {
  const { layers, rows } = (state ?? {}) as Partial<Record<keyof CacheState, unknown>>;
  const isLayer = (layer: Partial<LayerCacheState> | null) =>
    Number.isInteger(layer?.length) && typeof layer?.tensors === "object" && layer.tensors !== null;
  const isRow = (row: Partial<CachedRow> | null) =>
    Array.isArray(row?.ids) && row.ids.every(Number.isInteger) && Number.isInteger(row.nextPosition);
  const wrong = [
    ...(Array.isArray(layers) ? [] : ["no list of layers"]),
    ...(Array.isArray(rows) ? [] : ["no list of rows"]),
    ...(Array.isArray(layers) && !layers.every(isLayer) ? ["a layer without length or tensors"] : []),
    ...(Array.isArray(rows) && !rows.every(isRow) ? ["a row without ids or nextPosition"] : []),
  ];
  if (wrong.length === 0) return;
  throw new LayersError({
    where: "Cache.importState",
    expected: "a state from Cache.exportState, with layers and rows",
    got: wrong.join(" and "),
  });
}
