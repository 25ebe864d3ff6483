import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

type AdamW = FusedKernels["MixtapeAdamW"];

/** `adamW` of `ops`: weights, moments and gradients are read once, on all threads. */
export const adamWKernel: NativeKernel = {
  name: "MixtapeAdamW",
  run(backend, { weight, mean, variance, gradient }: AdamW["inputs"], attrs: AdamW["attrs"]) {
    const { learningRate, beta1, beta2, eps, weightDecay, step, gradientScale } = attrs;
    const outputs = [weight, mean, variance].map(({ shape }) => backend.output(shape));
    const [weightOut, meanOut, varianceOut] = outputs.map((out) => backend.floats(out)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const decayFactor = 1 - learningRate * weightDecay;
    const stepSize = learningRate / (1 - beta1 ** step);
    const inverseSqrtBiasCorrection2 = 1 / Math.sqrt(1 - beta2 ** step);
    addon().adamW(
      weightOut,
      meanOut,
      varianceOut,
      backend.floats(weight),
      backend.floats(mean),
      backend.floats(variance),
      gradient ? backend.floats(gradient) : null,
      Float64Array.of(beta1, beta2, eps, decayFactor, stepSize, inverseSqrtBiasCorrection2, gradientScale),
    );
    return outputs;
  },
};
