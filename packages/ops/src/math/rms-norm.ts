import { add, mean, mul, rsqrt, square, type Tensor, type Tensor1D } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { sameShape } from "./shapes.js";

export type RmsNormInputs = { x: Tensor; scale: Tensor1D; residual?: Tensor };
export type RmsNormAttributes = { eps: number };

const run = defineOp({
  kernel: "MixtapeRmsNorm",
  compose: ({ x, scale, residual }: RmsNormInputs, { eps }: RmsNormAttributes) => {
    const normed = mul(mul(x, rsqrt(add(mean(square(x), -1, true), eps))), scale);
    return residual ? add(residual, normed) : normed;
  },
});

/**
 * Root mean square layer normalisation of the last axis, plus an optional residual: `scale · x / √(mean(x²) + eps) + residual`
 * (Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467).
 *
 * Fused kernel: `MixtapeRmsNorm`, inputs `x`, `scale`, `residual?`, attribute `eps`.
 *
 * @param x `[…, n]`
 * @param scale `[n]`
 * @param residual the shape of `x`; added to the result
 * @returns the shape of `x`
 * @throws {OpsError} if the scale is not as long as the last axis of `x`, or the residual has another shape than `x`.
 */
export function rmsNorm<T extends Tensor>(x: T, scale: Tensor1D, eps: number, residual?: T): T {
  if (scale.shape.length !== 1 || scale.shape[0] !== x.shape.at(-1))
    throw new OpsError({
      where: "rmsNorm",
      expected: `a scale [${x.shape.at(-1)}] for [${x.shape}]`,
      got: `[${scale.shape}]`,
    });
  if (residual && !sameShape(residual.shape, x.shape))
    throw new OpsError({ where: "rmsNorm", expected: `a residual [${x.shape}]`, got: `[${residual.shape}]` });
  return run({ x, scale, residual }, { eps }) as T;
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeRmsNorm: FusedKernel<RmsNormInputs, RmsNormAttributes>;
  }
}
