import type { Module, Param } from "@mixtape/layers";
import {
  bytesPerElement,
  type Dtype,
  fromFloat32,
  type TensorToWrite,
  type TensorView,
  toFloat32,
} from "@mixtape/safetensors";
import { type BoundWeights, bindMappings, keptFloat32By } from "./weights/bind-mappings.js";
import type { Bundle } from "./weights/operations.js";
import { paramView } from "./weights/param-view.js";
import type { WeightMapping } from "./weights/weight-mapping.js";

/**
 * Yields the parameters of a module under their names and in their layouts on disk, each created on request.
 * @param dtype dtype to save in, except for `keepFloat32`. Default: the checkpoint's dtype of each parameter.
 * @throws {DecoderError} if the mappings contradict each other or do not fit the module
 */
export function* tensorsToWrite(
  module: Module,
  mappings: readonly WeightMapping[],
  dtype?: Dtype,
): IterableIterator<TensorToWrite> {
  const isKept = dtype ? keptFloat32By(mappings, dtype) : () => false;
  for (const weights of bindMappings(module, mappings)) {
    const [{ files }] = weights.sources;
    yield* tensorsOf(weights, files.flat().some(({ name }) => isKept(name)) ? "F32" : dtype);
  }
}

function* tensorsOf({ params, sources: [source] }: BoundWeights, dtype?: Dtype): IterableIterator<TensorToWrite> {
  const own = dtype ?? commonDtype(params);
  // Values are computed in float32, and rounded once.
  const inner = source.operations.some(({ changesValues }) => changesValues) ? "F32" : own;
  let views: readonly Bundle<TensorView>[] = params.map((param) => [paramView(param, inner)]);
  for (const operation of source.operations.toReversed()) views = operation.save(views, params);
  for (const [i, bundle] of source.files.entries())
    for (const [j, { name, shape }] of bundle.entries()) {
      const view = views[i]![j]!;
      const bytes = async (): Promise<Uint8Array> =>
        inner === own ? view.read() : fromFloat32(toFloat32(await view.read(), inner), own);
      yield { name, dtype: own, shape, bytes };
    }
}

/** Returns a dtype that can represent all parameters of a tensor. */
function commonDtype(params: readonly Param[]): Dtype {
  const [first, ...others] = new Set(params.map(({ dtype }) => dtype));
  return others.length === 0 ? first! : "F32";
}

/** Progress of saving. */
export interface SaveProgress {
  readonly savedBytes: number;
  readonly totalBytes: number;
}

/** Yields the same tensors; before each, the signal may stop the save, and progress is reported. */
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
