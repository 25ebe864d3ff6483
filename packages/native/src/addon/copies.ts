import type { Buffer32 } from "./handles.js";

/** Copies along strides and by index. */
export interface CopyFunctions {
  /** Copies along axes of three numbers each: a size, a stride in `out` and a stride in `x`. */
  stridedCopy(out: Buffer32, outOffset: number, x: Buffer32, xOffset: number, axes: Float64Array): void;
  /** `x` `[outer, rows, width]` to `[outer, indices, width]`. */
  gather(out: Buffer32, x: Buffer32, indices: Int32Array, outer: number, rows: number): void;
  /** `x` `[ids, width]` to `[segments, width]`. */
  segmentSum(out: Float32Array, x: Float32Array, ids: Int32Array, width: number): void;
}
