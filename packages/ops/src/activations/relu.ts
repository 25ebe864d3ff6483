import { relu as reluOf } from "@tensorflow/tfjs-core";
import { defineActivation } from "./activation.js";

/** ReLU: `max(x, 0)`. */
export const relu = defineActivation({
  name: "relu",
  forward: (x) => reluOf(x),
  scalar: (x) => Math.max(x, 0),
  kernel: { id: "relu" },
});
