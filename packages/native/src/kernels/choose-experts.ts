import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

type Attributes = { k: number; score: "softmax" | "sigmoid"; normalize: boolean; scale: number };

/** `chooseExperts` of `ops`. */
export const chooseExpertsKernel: NativeKernel = {
  name: "MixtapeChooseExperts",
  run(
    backend,
    { logits, bias }: { logits: TensorInfo; bias?: TensorInfo },
    { k, score, normalize, scale }: Attributes,
  ) {
    const [tokens, experts] = logits.shape as [number, number];
    const indices = backend.output([tokens, k], "int32");
    const weights = backend.output([tokens, k]);
    addon().chooseExperts(
      backend.ints(indices),
      backend.floats(weights),
      backend.floats(logits),
      bias ? backend.floats(bias) : null,
      experts,
      k,
      score === "softmax",
      normalize,
      scale,
    );
    return [indices, weights];
  },
};
