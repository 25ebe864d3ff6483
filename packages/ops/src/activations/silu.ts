import { mul, sigmoid } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

/** SiLU, also called swish: `x·σ(x)` (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118). Its gating is SwiGLU. */
export const silu = buildActivation({
  name: "silu",
  forward: (x) => mul(x, sigmoid(x)),
  scalar: (x) => x / (1 + Math.exp(-x)),
  kernel: { id: "silu" },
});
