import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { plainMatrix } from "../matrix.js";

const FIRST = Int32Array.of(0);

/**
 * Computes the gradient of `x · Wᵀ` with respect to x, for rows `dy` as long as W has rows; added to the output if `add` is set.
 */
export function linearGradInput(
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
export function linearGradWeight(
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
