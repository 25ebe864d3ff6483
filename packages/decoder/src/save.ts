import type { Module, Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import { bytesPerElement, type Dtype, type TensorToWrite } from "@mixtape/safetensors";
import { type NameRule, namesAt, placesOf } from "./names.js";

/**
 * The parameters of a module under the names and in the shapes that they have on disk, each made when it is asked for.
 * @param dtype the dtype to save in; that of the checkpoint that a parameter was loaded from where absent.
 */
export function* tensorsToWrite(
  module: Module,
  rules: readonly NameRule[],
  dtype?: Dtype,
): IterableIterator<TensorToWrite> {
  for (const [name, param] of module.namedParameters()) {
    const [place] = placesOf(name, rules);
    const names = namesAt(place, param.shape[0]!);
    const shape = place.kind === "stack" ? param.shape.slice(1) : param.shape;
    for (const [i, n] of names.entries())
      yield toWrite(n, shape, param, dtype ?? param.dtype, place.kind === "stack" ? i : undefined);
  }
}

function toWrite(name: string, shape: readonly number[], param: Param, dtype: Dtype, index?: number): TensorToWrite {
  return { name, dtype, shape, bytes: () => encodeWeight(param.ownWeight, dtype, index) };
}

/** How far saving is. */
export interface SaveProgress {
  readonly savedBytes: number;
  readonly totalBytes: number;
}

/** The same tensors; as each is asked for, the signal may stop the save, and progress is reported. */
export function watched(
  tensors: readonly TensorToWrite[],
  { onProgress, signal }: { onProgress?: (progress: SaveProgress) => void; signal?: AbortSignal },
): readonly TensorToWrite[] {
  if (!onProgress && !signal) return tensors;
  const totalBytes = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  let savedBytes = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    bytes: async () => {
      signal?.throwIfAborted();
      const bytes = typeof tensor.bytes === "function" ? await tensor.bytes() : tensor.bytes;
      savedBytes += bytes.byteLength;
      onProgress?.({ savedBytes, totalBytes });
      return bytes;
    },
  }));
}

function sizeOf({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((product, n) => product * n, bytesPerElement(dtype));
}
