import { relu as reluOf } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

/** ReLU: `max(x, 0)`. */
export const relu = buildActivation({
  name: "relu",
  forward: (x) => reluOf(x),
  scalar: (x) => Math.max(x, 0),
  kernel: { id: "relu" },
});
