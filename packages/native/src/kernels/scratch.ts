import type { NativeBackend } from "../backend.js";

/** Runs `f` with arrays of these lengths and arbitrary values, which are released afterwards. */
export function withScratch<T>(
  backend: NativeBackend,
  lengths: readonly number[],
  f: (...arrays: Float32Array[]) => T,
): T {
  const tensors = lengths.map((length) => backend.output([length]));
  try {
    return f(...tensors.map((tensor) => backend.floats(tensor)));
  } finally {
    for (const tensor of tensors) backend.disposeIntermediateTensorInfo(tensor);
  }
}
