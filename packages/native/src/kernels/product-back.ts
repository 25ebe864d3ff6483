import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { plainMatrix } from "../matrix.js";

const FIRST = Int32Array.of(0);

/**
 * Computes the gradient of `x · Wᵀ` with respect to x, for rows `dy` as long as W has rows; added to the output if `add` is set.
 */
export function backToRows(
  backend: NativeBackend,
  out: Float32Array,
  dy: Float32Array,
  weight: TensorInfo,
  transposed: boolean,
  add = false,
): void {
  const rows = weight.shape[transposed ? 1 : 0]!;
  addon().linearBack(out, dy, plainMatrix(backend, weight, transposed), rows, backend.precision, add);
}

/** Computes the gradient of `x · Wᵀ` with respect to a matrix `[rows, width]`, or `[width, rows]` if transposed. */
export function backToMatrix(
  out: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  rows: number,
  width: number,
  transposed: boolean,
): void {
  const tokens = dy.length / rows;
  if (tokens === 0) out.fill(0);
  else if (transposed) addon().matMul(out, x, dy, FIRST, FIRST, width, tokens, rows, true, false);
  else addon().matMul(out, dy, x, FIRST, FIRST, rows, tokens, width, true, false);
}

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
