import { relu, square } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

/** Squared ReLU: `max(x, 0)²` (So et al. 2021, https://arxiv.org/abs/2109.08668). */
export const relu2 = buildActivation({
  name: "relu2",
  forward: (x) => square(relu(x)),
  scalar: (x) => Math.max(x, 0) ** 2,
  kernel: { id: "relu2" },
});
