import { add, mean, mul, rsqrt, square, type Tensor, type Tensor1D } from "@tensorflow/tfjs-core";
import { OpsError } from "./errors.js";
import { defineOp } from "./op.js";

export type RmsNormInputs = { x: Tensor; scale: Tensor1D };
export type RmsNormAttributes = { eps: number };

const run = defineOp({
  kernel: "MixtapeRmsNorm",
  compose: ({ x, scale }: RmsNormInputs, { eps }: RmsNormAttributes) =>
    mul(mul(x, rsqrt(add(mean(square(x), -1, true), eps))), scale),
});

/**
 * Root mean square layer normalisation of the last axis: `scale · x / √(mean(x²) + eps)`
 * (Zhang & Sennrich 2019, https://arxiv.org/abs/1910.07467).
 *
 * Fused kernel: `MixtapeRmsNorm`, inputs `x`, `scale`, attribute `eps`.
 *
 * @param x `[…, n]`
 * @param scale `[n]`
 * @returns the shape of `x`
 * @throws {OpsError} where the scale is not as long as the last axis of `x`.
 */
export function rmsNorm<T extends Tensor>(x: T, scale: Tensor1D, eps: number): T {
  if (scale.shape.join() !== `${x.shape.at(-1)}`)
    throw new OpsError({
      where: "rmsNorm",
      expected: `a scale [${x.shape.at(-1)}] for [${x.shape}]`,
      got: `[${scale.shape}]`,
    });
  return run({ x, scale }, { eps }) as T;
}
