/** Storage of the tensors of a checkpoint, and of the parameters that they become on an engine. */

import { storageOf } from "@mixtape/ops";
import type { BlockFormat, TensorView } from "@mixtape/safetensors";
import type { LoadJob } from "./match-tensors.js";

/** Returns the bytes of a tensor in its file: of a quantised one, those of all tensors that it consists of. */
export function storedBytes({ byteLength, quantized, transposed }: TensorView): number {
  if (transposed) return storedBytes(transposed);
  if (!quantized) return byteLength;
  return Object.values(quantized.planes).reduce((sum, plane) => sum + plane.byteLength, 0);
}

/** Returns the storage of a quantised tensor; undefined for one that is stored as its dtype. */
export function blockFormatOf({ quantized, transposed }: TensorView): BlockFormat | undefined {
  return quantized?.format ?? (transposed && blockFormatOf(transposed));
}

/** Quantised parameters that an engine decodes to float32. */
export interface DecodedWeights {
  /** Bytes in the files. */
  readonly storedBytes: number;
  /** Bytes on the engine. */
  readonly bytes: number;
  /** Names of their formats, such as `fp8`. */
  readonly formats: readonly string[];
}

/**
 * Returns the quantised parameters that a backend does not keep as they are stored.
 * @param backend of tfjs. Default: the engine in use
 */
export function decodedWeights(jobs: readonly LoadJob[], backend?: string): DecodedWeights {
  const storage = storageOf(backend);
  const stored = new Map<string, number>();
  const formats = new Set<string>();
  let bytes = 0;
  for (const { param, view, dtype, stored: tensors } of jobs) {
    const quantised = tensors.filter((tensor) => blockFormatOf(tensor));
    if (quantised.length === 0) continue;
    const own = storage.bytes(param.shape, param.role, dtype, view);
    if (own < 4 * param.size) continue;
    bytes += own;
    for (const tensor of quantised) {
      stored.set(tensor.name, storedBytes(tensor));
      formats.add(blockFormatOf(tensor)!.name);
    }
  }
  return { bytes, storedBytes: [...stored.values()].reduce((sum, size) => sum + size, 0), formats: [...formats] };
}
