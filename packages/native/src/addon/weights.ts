import type { NativeCapturedGraph, NativeFile, NativeKeyValues, NativeWeight } from "./handles.js";

/** Functions that create, decode and free weights. */
export interface WeightFunctions {
  openFile(path: string): NativeFile;
  /** `parts[i]` is a matrix `[rows, columns]` at `offsets[i]` of `files[i]`. */
  mapWeight(dtype: number, rows: number, columns: number, files: NativeFile[], offsets: Float64Array): NativeWeight;
  copyWeight(dtype: number, rows: number, columns: number, parts: Uint8Array[]): NativeWeight;
  /** The same memory, each part as `count` parts of equally many rows. */
  splitWeight(weight: NativeWeight, count: number): NativeWeight;
  decodeWeight(out: Float32Array, weight: NativeWeight): void;
  release(handle: NativeWeight | NativeFile | NativeKeyValues | NativeCapturedGraph): void;
}
