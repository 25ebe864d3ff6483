import { matMul, reshape, type Tensor3D, transpose } from "@tensorflow/tfjs-core";
import { OpsError } from "../errors.js";
import { type Weight, wholeTensor } from "../storage/weight.js";

/**
 * Applies a linear map to each head, by the rows of one matrix: `y[h] = x[h]·W[h]ᵀ`, where W[h] is rows `h·N` to below `(h +
 * 1)·N`.
 *
 * Multiplies by the matrix in place, also by a compact one of the native engine. An engine with transposed matrices copies it at
 * each call.
 *
 * @param x `[H, T, in]`
 * @param weight a matrix `[H·N, in]`
 * @returns `[H, T, N]`
 * @throws {OpsError} if the shapes do not fit.
 */
export function perHeadLinear(x: Tensor3D, weight: Weight): Tensor3D {
  const [heads, , width] = x.shape;
  if (weight.shape[1] !== width) throw misfit(weight, `[${heads}, T, ${weight.shape[1]}]`, x);
  const matrices = matricesOf(weight, heads, x);
  if (weight.layout === "plain") return matMul(x, matrices, false, true);
  return matMul(x, transpose(matrices, [1, 0, 2]));
}

/**
 * Applies the transposes of the maps of {@link perHeadLinear}: `y[h] = x[h]·W[h]`.
 *
 * @param x `[H, T, N]`
 * @param weight a matrix `[H·N, out]`
 * @returns `[H, T, out]`
 * @throws {OpsError} if the shapes do not fit.
 */
export function perHeadTransposedLinear(x: Tensor3D, weight: Weight): Tensor3D {
  const [heads, , width] = x.shape;
  const matrices = matricesOf(weight, heads, x);
  if (weight.shape[0] !== heads * width) throw misfit(weight, `[${heads}, T, ${weight.shape[0]! / heads}]`, x);
  return matMul(x, weight.layout === "plain" ? matrices : transpose(matrices, [1, 2, 0]));
}

/** Returns `[H, N, in]`, or `[in, H, N]` in the transposed layout. */
function matricesOf(weight: Weight, heads: number, x: Tensor3D): Tensor3D {
  const [rows = 0, columns = 0] = weight.shape;
  const n = rows / heads;
  if (!Number.isInteger(n)) throw misfit(weight, `as many heads as divide its ${rows} rows`, x);
  return reshape(wholeTensor(weight), weight.layout === "plain" ? [heads, n, columns] : [columns, heads, n]);
}

function misfit({ shape }: Weight, expected: string, x: Tensor3D): OpsError {
  return new OpsError({ where: `perHeadLinear [${shape}]`, expected, got: `[${x.shape}]` });
}
