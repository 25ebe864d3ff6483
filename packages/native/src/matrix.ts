import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeWeight } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { CompactWeight } from "./storage.js";

/** A matrix as the addon takes it: the compact weight behind a tensor, or the tensor's numbers. */
export function nativeMatrix(backend: NativeBackend, tensor: TensorInfo): NativeWeight | Float32Array {
  const bucket = backend.bucket(tensor);
  return bucket.held instanceof CompactWeight ? bucket.held.native : (bucket.numbers as Float32Array);
}
