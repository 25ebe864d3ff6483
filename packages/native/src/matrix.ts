import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeWeight } from "./addon.js";
import type { NativeBackend } from "./backend.js";
import { CompactWeight } from "./storage.js";

/** A matrix as the addon takes it: the compact weight behind a tensor, or the tensor's numbers. */
function nativeMatrix(backend: NativeBackend, tensor: TensorInfo): NativeWeight | Float32Array {
  const bucket = backend.bucket(tensor);
  return bucket.held instanceof CompactWeight ? bucket.held.native : (bucket.numbers as Float32Array);
}

/**
 * A matrix, or a stack of them, whose rows are outputs. This engine stores them so; where someone made a tensor that lies the
 * other way, it is decoded and turned at each call.
 */
export function plainMatrix(
  backend: NativeBackend,
  tensor: TensorInfo,
  isTransposed: boolean,
): NativeWeight | Float32Array {
  if (!isTransposed) return nativeMatrix(backend, tensor);
  const [columns = 0, rows = 0] = tensor.shape.slice(-2);
  const values = backend.floats(tensor);
  const turned = new Float32Array(values.length);
  for (let at = 0; at < values.length; at += rows * columns)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        turned[at + row * columns + column] = values[at + column * rows + row]!;
  return turned;
}
