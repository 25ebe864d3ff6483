import { sigmoid as sigmoidOf } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

/** Logistic function: `1 / (1 + e^−x)`. Its gating is GLU (Dauphin et al. 2016, https://arxiv.org/abs/1612.08083). */
export const sigmoid = buildActivation({
  name: "sigmoid",
  forward: (x) => sigmoidOf(x),
  scalar: (x) => 1 / (1 + Math.exp(-x)),
  kernel: { id: "sigmoid" },
});
