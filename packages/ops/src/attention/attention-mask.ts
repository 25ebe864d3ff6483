import { keep, type Tensor2D, type Tensor4D, tensor2d, tensor4d } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";

/**
 * Added to a score that must not count. The reference adds the lowest float32, and this swallows any score just as well. tfjs's
 * WebGPU softmax starts its maximum at −3.402823e38: a row of only lower numbers would come out as NaN.
 */
const MASKED = -3.4e38;

/** Padding of keys, row by row: `values[row * keys + position]` is 1 for a token and 0 for padding. */
export interface KeyPadding {
  readonly rows: number;
  readonly values: Uint8Array;
}

/** Document of each position of packed rows: `values[row * keys + position]`, any integers that differ between documents. */
export interface DocumentIds {
  readonly rows: number;
  readonly values: Int32Array;
}

/** Arguments of an {@link AttentionMask}. */
export interface AttentionMaskShape {
  /** L */
  readonly queries: number;
  /** S, at least L */
  readonly keys: number;
  /** Number of keys that a query sees at most, its own included: at least 1. Default: all. */
  readonly window?: number | null;
  /** Padding of the keys. Default: all are tokens. */
  readonly keyPadding?: KeyPadding | null;
  /** Documents of packed rows, if L is S. Default: each row is one document. */
  readonly documentIds?: DocumentIds | null;
}

/**
 * Describes which keys a query sees, without writing out a matrix.
 *
 * The queries are the last L of the S positions: query `i` has position `S − L + i`. It sees position `j` iff `j` is not after
 * it, is within the window, holds a token and belongs to the same document. A query that sees nothing (it is padding itself)
 * attends evenly to all S positions, as in the reference's eager attention.
 *
 * Owns the tensors that it creates on demand: dispose it.
 */
export class AttentionMask {
  readonly queries: number;
  readonly keys: number;
  /** Number of keys that a query sees at most; null if that excludes none. */
  readonly window: number | null;
  /** Null if nothing is padding. */
  readonly keyPadding: KeyPadding | null;
  /** Null if each row is one document. */
  readonly documentIds: DocumentIds | null;
  #additive: Tensor4D | undefined;
  #padding: Tensor2D | undefined;
  #starts: Tensor2D | undefined;
  #disposed = false;

  /**
   * @throws {OpsError} if there are fewer keys than queries, the window is empty, padding or document ids have another size, or
   *   there are document ids and past keys.
   */
  constructor({ queries, keys, window = null, keyPadding = null, documentIds = null }: AttentionMaskShape) {
    if (keys < queries)
      throw new OpsError({ where: "AttentionMask", expected: `at least ${queries} keys`, got: `${keys}` });
    if (window !== null && !(Number.isInteger(window) && window >= 1))
      throw new OpsError({ where: "AttentionMask", expected: "a window of at least 1 key", got: `${window}` });
    if (keyPadding && keyPadding.values.length !== keyPadding.rows * keys)
      throw new OpsError({
        where: "AttentionMask",
        expected: `padding of ${keyPadding.rows} × ${keys} keys`,
        got: `${keyPadding.values.length} values`,
      });
    if (documentIds && (queries !== keys || documentIds.values.length !== documentIds.rows * keys))
      throw new OpsError({
        where: "AttentionMask",
        expected: `document ids of ${documentIds.rows} × ${keys} keys, and as many queries`,
        got: `${documentIds.values.length} values for ${queries} queries`,
      });
    if (documentIds && keyPadding && documentIds.rows !== keyPadding.rows)
      throw new OpsError({
        where: "AttentionMask",
        expected: `document ids of ${keyPadding.rows} rows, as the padding`,
        got: `${documentIds.rows}`,
      });
    this.queries = queries;
    this.keys = keys;
    this.documentIds = documentIds?.values.some((value, i) => value !== documentIds.values[i - (i % keys)])
      ? documentIds
      : null;
    this.window = window !== null && window < keys ? window : null;
    this.keyPadding = keyPadding?.values.includes(0) ? keyPadding : null;
  }

  /** True if every query sees every key, so that nothing is masked. */
  get isOpen(): boolean {
    return this.queries === 1 && this.window === null && this.keyPadding === null && this.documentIds === null;
  }

  /** Returns whether query `query` of row `row` sees the key at position `key`. */
  sees(row: number, query: number, key: number): boolean {
    const slot = this.keys - this.queries + query;
    const inReach = key <= slot && (this.window === null || key > slot - this.window);
    const isToken = this.keyPadding === null || this.keyPadding.values[row * this.keys + key] !== 0;
    return (
      inReach && isToken && (this.documentIds === null || this.#documentOf(row, key) === this.#documentOf(row, slot))
    );
  }

  /** `[B | 1, 1, L, S]`: 0 for a key that is seen, −3.4e38 for others. Created once; belongs to the mask. */
  additive(): Tensor4D {
    // A gradient may ask after that; then the tensor belongs to its tidy.
    if (this.#disposed) return this.#writeOut();
    this.#additive ??= keep(this.#writeOut());
    return this.#additive;
  }

  /**
   * `[B, S]` int32, 1 for a token and 0 for padding; undefined if nothing is padding. Created once; belongs to the mask.
   * @throws {OpsError} if the mask was disposed.
   */
  padding(): Tensor2D | undefined {
    if (this.keyPadding === null) return undefined;
    this.#checkInUse();
    const { rows, values } = this.keyPadding;
    this.#padding ??= keep(tensor2d(Int32Array.from(values), [rows, this.keys], "int32"));
    return this.#padding;
  }

  /** True if the positions of each document are contiguous. If not, {@link starts} cannot describe them. */
  get hasRuns(): boolean {
    if (this.documentIds === null) return false;
    const { rows, values } = this.documentIds;
    for (let row = 0; row < rows; row++) {
      const met = new Set<number>();
      for (let at = row * this.keys; at < (row + 1) * this.keys; at++) {
        if (at > row * this.keys && values[at] === values[at - 1]) continue;
        if (met.has(values[at]!)) return false;
        met.add(values[at]!);
      }
    }
    return true;
  }

  /**
   * `[B, S]` int32: first position of the document of each position; undefined if each row is one document. If the mask {@link
   * hasRuns}, a query sees no position before it. Created once; belongs to the mask.
   * @throws {OpsError} if the mask was disposed.
   */
  starts(): Tensor2D | undefined {
    if (this.documentIds === null) return undefined;
    this.#checkInUse();
    const { rows, values } = this.documentIds;
    const starts = new Int32Array(values.length);
    for (let at = 0; at < values.length; at++) {
      const slot = at % this.keys;
      starts[at] = slot > 0 && values[at] === values[at - 1] ? starts[at - 1]! : slot;
    }
    this.#starts ??= keep(tensor2d(starts, [rows, this.keys], "int32"));
    return this.#starts;
  }

  /** Frees the tensors. Gradients of earlier results can still be computed. */
  dispose(): void {
    this.#disposed = true;
    this.#additive?.dispose();
    this.#padding?.dispose();
    this.#starts?.dispose();
    this.#additive = this.#padding = this.#starts = undefined;
  }

  #checkInUse(): void {
    if (this.#disposed)
      throw new OpsError({ where: "AttentionMask", expected: "a mask in use", got: "one that was disposed" });
  }

  #documentOf(row: number, slot: number): number {
    return this.documentIds!.values[row * this.keys + slot]!;
  }

  #writeOut(): Tensor4D {
    const rows = this.keyPadding?.rows ?? this.documentIds?.rows ?? 1;
    const values = new Float32Array(rows * this.queries * this.keys);
    let at = 0;
    for (let row = 0; row < rows; row++)
      for (let query = 0; query < this.queries; query++)
        for (let key = 0; key < this.keys; key++) values[at++] = this.sees(row, query, key) ? 0 : MASKED;
    return tensor4d(values, [rows, 1, this.queries, this.keys]);
  }
}
