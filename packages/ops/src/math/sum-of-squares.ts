import { addN, type Scalar, scalar, square, sum, type Tensor } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";

export type SumOfSquaresInputs = { [index: string]: Tensor };

const run = defineOp({
  kernel: "MixtapeSumOfSquares",
  compose: (tensors: SumOfSquaresInputs) => addN(Object.values(tensors).map((x) => sum(square(x)) as Scalar)) as Scalar,
});

/**
 * Sum of the squares of all elements of some tensors of any shapes: of gradients, the square of the global norm.
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
