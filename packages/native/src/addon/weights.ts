import type { ExpertMemory } from "@mixtape/ops";
import type { NativeCapturedGraph, NativeFile, NativeKeyValues, NativeWeight } from "./handles.js";

/** Functions that create, decode and free weights. */
export interface WeightFunctions {
  openFile(path: string): NativeFile;
  /**
   * Experts need not all be in memory: see `limitExperts`. `parts[i]` is a matrix `[rows, columns]` at `offsets[i]` of `files[i]`, and its scales are at `scaleOffsets[i]` of
   * `scaleFiles[i]`, one for `group` columns; no scales unless the format has them in a plane of their own.
   */
  mapWeight(
    dtype: number,
    rows: number,
    columns: number,
    files: NativeFile[],
    offsets: Float64Array,
    scaleDtype?: number | null,
    group?: number | null,
    scaleFiles?: NativeFile[] | null,
    scaleOffsets?: Float64Array | null,
    isExperts?: boolean,
  ): NativeWeight;
  /** Sets the memory of all mapped experts together, in bytes. */
  limitExperts(bytes: number): void;
  expertMemory(): ExpertMemory;
  copyWeight(
    dtype: number,
    rows: number,
    columns: number,
    parts: Uint8Array[],
    scaleDtype?: number | null,
    group?: number | null,
    scales?: Uint8Array[] | null,
  ): NativeWeight;
  /** The same memory, each part as `count` parts of equally many rows. */
  splitWeight(weight: NativeWeight, count: number): NativeWeight;
  decodeWeight(out: Float32Array, weight: NativeWeight): void;
  release(handle: NativeWeight | NativeFile | NativeKeyValues | NativeCapturedGraph): void;
}
