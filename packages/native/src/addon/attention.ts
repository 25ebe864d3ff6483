import type { NativeKeyValues } from "./handles.js";

/** Key-value stores, and attention over them or over arrays. */
export interface AttentionFunctions {
  /** Creates an empty key-value store. @param dtype a number of `KEY_VALUE_DTYPES` */
  createKeyValueStore(dtype: number): NativeKeyValues;
  /**
   * `keys` are `[rows, heads, count, width]`, `values` `[rows, heads, count, valueWidth]`, or null where they are the first numbers
   * of the keys.
   */
  appendKeyValues(
    store: NativeKeyValues,
    keys: Float32Array,
    values: Float32Array | null,
    rows: number,
    heads: number,
    count: number,
    width: number,
    valueWidth: number,
  ): void;
  /**
   * Appends codes of a store of int8, from −128 to 127, with scales `[rows, heads, count]`; the others as in `appendKeyValues`.
   */
  appendKeyValueCodes(
    store: NativeKeyValues,
    keys: Int32Array,
    keyScales: Float32Array,
    values: Int32Array | null,
    valueScales: Float32Array | null,
    rows: number,
    heads: number,
    count: number,
    width: number,
    valueWidth: number,
  ): void;
  evictKeyValues(store: NativeKeyValues, count: number): void;
  truncateKeyValues(store: NativeKeyValues, length: number): void;
  reorderKeyValues(store: NativeKeyValues, rows: Int32Array): void;
  /** The keys, or the values: `[rows, heads, length, width]`. */
  readKeyValues(out: Float32Array, store: NativeKeyValues, values: boolean): void;
  /** Codes of a store of int8, `[rows, heads, length, width]`, and their scales `[rows, heads, length]`. */
  readKeyValueCodes(codes: Int32Array, scales: Float32Array, store: NativeKeyValues, values: boolean): void;
  /** Returns the size of its blocks in bytes. */
  keyValueStoreBytes(store: NativeKeyValues): number;
  /** `shape` is rows, heads, groups, queries, keys, width. If `keys` are a store, `values` is null and the number of keys 0. */
  attention(
    out: Float32Array,
    q: Float32Array,
    keys: NativeKeyValues | Float32Array,
    values: Float32Array | null,
    tokens: Int32Array | null,
    shape: Int32Array,
    window: number | null,
    scale: number,
    starts: Int32Array | null,
    sinks: Float32Array | null,
  ): void;
  /** Computes the backward pass of `attention`; `shape` and the others as there, keys and values as arrays. */
  attentionBack(
    gradQ: Float32Array,
    gradKeys: Float32Array,
    gradValues: Float32Array,
    q: Float32Array,
    keys: Float32Array,
    values: Float32Array,
    dy: Float32Array,
    tokens: Int32Array | null,
    starts: Int32Array | null,
    shape: Int32Array,
    window: number | null,
    scale: number,
  ): void;
}
