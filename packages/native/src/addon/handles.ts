/** Handles and constants of the addon. */

/** Weight in its storage format, in memory or in a mapped file. Opaque; freed by `release`. */
export interface NativeWeight {
  readonly brand: "NativeWeight";
}

/** A mapped file. Weights in it keep it alive. */
export interface NativeFile {
  readonly brand: "NativeFile";
}

/** Keys and values of one layer of a KV cache. Opaque; freed by `release`. */
export interface NativeKeyValues {
  readonly brand: "NativeKeyValueStore";
}

/** Calls of the addon that are replayed together. Opaque; freed by `release`. */
export interface NativeCapturedGraph {
  readonly brand: "NativeCapturedGraph";
}

/** Numbers of the storage formats in the addon. */
export const DTYPES = { F32: 0, BF16: 1, F16: 2 } as const;
export type NativeDtype = keyof typeof DTYPES;

/** Numbers of the formats of cached keys and values in the addon. */
export const KEY_VALUE_DTYPES = { F32: 0, BF16: 1, I8: 2 } as const;
/** Format of cached keys and values; I8 has a scale of each head and position. */
export type KeyValueDtype = keyof typeof KEY_VALUE_DTYPES;

/** Whether activations are rounded to bfloat16 before they meet bfloat16 weights. */
export const PRECISIONS = { bfloat16: 0, float32: 1 } as const;
/** Rounding of activations before they multiply bfloat16 weights. */
export type Precision = keyof typeof PRECISIONS;

/** Values of 32 bits, copied as they are. */
export type Buffer32 = Float32Array | Int32Array;
