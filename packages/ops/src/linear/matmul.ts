import { add, matMul, reshape, sum, type Tensor, type Tensor1D, type Tensor2D, transpose } from "@tensorflow/tfjs-core";

/** Reshapes `[…, n]` to rows `[-1, n]`. */
export function rowsOf(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return (x.rank === 2 ? x : reshape(x, [x.size / width, width])) as Tensor2D;
}

/** Computes `x · Wᵀ` for rows `x` and a matrix `[out, in]`, or `[in, out]` if `transposed`. */
function matmul(x: Tensor2D, weight: Tensor2D, transposed: boolean): Tensor2D {
  return matMul(x, weight, false, !transposed);
}

/** Computes `x · Wᵀ + b` for rows `x` and a matrix as in {@link matmul}. */
export function affine(x: Tensor2D, weight: Tensor2D, bias: Tensor1D | undefined, transposed: boolean): Tensor2D {
  const product = matmul(x, weight, transposed);
  return bias ? add(product, bias) : product;
}

/** Gradient of {@link matmul} with respect to `x`. Transposes explicitly: some engines are slow with a transposed right side. */
export function gradInput(dy: Tensor2D, weight: Tensor2D, transposed: boolean): Tensor2D {
  return matMul(dy, transposed ? transpose(weight) : weight);
}

/** Gradient of {@link matmul} with respect to the matrix, in its layout. */
export function gradWeight(dy: Tensor2D, x: Tensor2D, transposed: boolean): Tensor2D {
  return transposed ? matMul(transpose(x), dy) : matMul(transpose(dy), x);
}

/** Gradient with respect to a bias. */
export function gradBias(dy: Tensor2D): Tensor1D {
  return sum(dy, 0);
}
