import { add, div, mul, sqrt, square, sub, type Tensor, zerosLike } from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";

/** Inputs of an AdamW step, all of one shape. Default gradient: zero. */
export type AdamWInputs = { weight: Tensor; mean: Tensor; variance: Tensor; gradient?: Tensor };

/** Hyperparameters of an AdamW step. */
export type AdamWAttributes = {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Number of steps of this parameter, this one included: from 1. */
  step: number;
  /** Factor on the gradient, applied first. */
  gradientScale: number;
};

/** Results of an AdamW step. */
export interface AdamWStep {
  readonly weight: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

const run = defineOpWithOutputs({
  kernel: "MixtapeAdamW",
  compose: ({ weight, mean, variance, gradient }: AdamWInputs, attrs: AdamWAttributes) => {
    const { learningRate, beta1, beta2, eps, weightDecay, step, gradientScale } = attrs;
    const g = gradient ? mul(gradient, gradientScale) : zerosLike(weight);
    const m = add(mul(mean, beta1), mul(g, 1 - beta1));
    const v = add(mul(variance, beta2), mul(square(g), 1 - beta2));
    const denominator = add(div(sqrt(v), Math.sqrt(1 - beta2 ** step)), eps);
    const decayed = mul(weight, 1 - learningRate * weightDecay);
    return [sub(decayed, mul(div(m, denominator), learningRate / (1 - beta1 ** step))), m, v] as const;
  },
});

/**
 * Computes one step of AdamW: Adam with bias correction and decoupled weight decay
 * (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980; Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101).
 *
 * Fused kernel: `MixtapeAdamW`, inputs `weight`, `mean`, `variance`, `gradient?` (all of one shape; default zero), attributes
 * {@link AdamWAttributes}. It returns the new weight, mean and variance.
 */
export function adamW(inputs: AdamWInputs, attributes: AdamWAttributes): AdamWStep {
  const [weight, mean, variance] = run(inputs, attributes);
  return { weight, mean, variance };
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeAdamW: FusedKernel<AdamWInputs, AdamWAttributes>;
  }
}
