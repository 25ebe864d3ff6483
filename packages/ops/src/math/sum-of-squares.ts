import { addN, type Scalar, scalar, square, sum, type Tensor } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";

export type SumOfSquaresInputs = { [index: string]: Tensor };

const run = defineOp({
  kernel: "MixtapeSumOfSquares",
  compose: (tensors: SumOfSquaresInputs) => addN(Object.values(tensors).map((x) => sum(square(x)) as Scalar)) as Scalar,
});

/**
 * The sum of the squares of all numbers of some tensors, of which each may have a shape of its own: the square of the length of
 * all gradients as one vector.
 *
 * Fused kernel: `MixtapeSumOfSquares`, inputs `0`, `1` and so on.
 */
export function sumOfSquares(tensors: readonly Tensor[]): Scalar {
  return tensors.length === 0 ? scalar(0) : run(Object.fromEntries(tensors.map((x, i) => [`${i}`, x])), {});
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeSumOfSquares: FusedKernel<SumOfSquaresInputs, NoAttributes>;
  }
}
