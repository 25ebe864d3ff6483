import { add, mul, tanh } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** GELU with Φ approximated by tanh, as torch's `approximate="tanh"` (Hendrycks & Gimpel 2016, section 2). */
export const geluTanh = buildActivation({
  name: "gelu_pytorch_tanh",
  forward: (x) => mul(mul(x, 0.5), add(tanh(mul(add(x, mul(mul(mul(x, x), x), 0.044715)), SQRT_2_OVER_PI)), 1)),
  scalar: (x) => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))),
  kernel: { id: "gelu_pytorch_tanh" },
});
