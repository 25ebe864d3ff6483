import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeWeight } from "./addon/handles.js";
import type { NativeBackend } from "./backend.js";
import { CompactWeight } from "./storage.js";

/** Matrix as the addon takes it: a compact weight, or the values of a tensor. */
function nativeMatrix(backend: NativeBackend, tensor: TensorInfo): NativeWeight | Float32Array {
  const data = backend.tensorData(tensor);
  return data.foreign instanceof CompactWeight ? data.foreign.native : (data.array as Float32Array);
}

/**
 * Returns a matrix, or a stack of them, whose rows are outputs, as this engine stores them. A tensor in the transposed layout is
 * decoded and transposed at each call.
 */
export function plainMatrix(
  backend: NativeBackend,
  tensor: TensorInfo,
  isTransposed: boolean,
): NativeWeight | Float32Array {
  if (!isTransposed) return nativeMatrix(backend, tensor);
  const [columns = 0, rows = 0] = tensor.shape.slice(-2);
  const values = backend.floats(tensor);
  const transposed = new Float32Array(values.length);
  for (let at = 0; at < values.length; at += rows * columns)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        transposed[at + row * columns + column] = values[at + column * rows + row]!;
  return transposed;
}
