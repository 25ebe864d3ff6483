import { add, div, mul, sqrt, square, sub, type Tensor, zerosLike } from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";

/** What a step of AdamW works on, all of one shape. A gradient that is absent is zero. */
export type AdamWInputs = { weight: Tensor; mean: Tensor; variance: Tensor; gradient?: Tensor };

/** The numbers of one step of AdamW. */
export type AdamWAttributes = {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** How many steps this parameter has taken, this one included: from 1. */
  step: number;
  /** What the gradient is multiplied by first. */
  gradientScale: number;
};

/** What a step of AdamW makes of a parameter. */
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
 * One step of AdamW on a tensor: Adam with bias correction, and decay of the weights themselves
 * (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980; Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101).
 *
 * Fused kernel: `MixtapeAdamW`, inputs `weight`, `mean`, `variance`, `gradient?` (all of one shape; zero where there is none),
 * attributes {@link AdamWAttributes}. It gives the new weight, mean and variance.
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
