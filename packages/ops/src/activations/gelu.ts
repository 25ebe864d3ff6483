import { add, backend_util, erf, mul } from "@tensorflow/tfjs-core";
import { buildActivation } from "./activation.js";

/** GELU: `x·Φ(x)` (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415). */
export const gelu = buildActivation({
  name: "gelu",
  forward: (x) => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1)),
  scalar: (x) => 0.5 * x * (1 + erfOf(x * Math.SQRT1_2)),
  kernel: { id: "gelu" },
});

/** The error function by the formula that tfjs's own kernels use (Abramowitz & Stegun 7.1.26), within 1.5e-7. */
function erfOf(x: number): number {
  const { ERF_P, ERF_A1, ERF_A2, ERF_A3, ERF_A4, ERF_A5 } = backend_util;
  const t = 1 / (1 + ERF_P * Math.abs(x));
  const tail = ((((ERF_A5 * t + ERF_A4) * t + ERF_A3) * t + ERF_A2) * t + ERF_A1) * t * Math.exp(-x * x);
  return Math.sign(x) * (1 - tail);
}
