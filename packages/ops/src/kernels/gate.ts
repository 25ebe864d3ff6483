import { backend_util, type TensorInfo } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import type { HostKernel } from "./host.js";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

const ACTIVATIONS: Record<Activation, (x: number) => number> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  gelu_pytorch_tanh: (x) => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))),
  relu: (x) => Math.max(x, 0),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** `gate` in one pass. */
export const gateKernel: HostKernel = {
  name: "MixtapeGate",
  backends: ["cpu", "wasm"],
  run(host, inputs: { gate: TensorInfo; up: TensorInfo }, { activation }: { activation: Activation }) {
    const out = host.output(inputs.gate.shape, "float32");
    gateInto(host.floats(out), host.floats(inputs.gate), host.floats(inputs.up), activation);
    return out;
  },
};

/** `y = activation(gate) · up`; `y` may be one of the two. */
export function gateInto(y: Float32Array, gate: Float32Array, up: Float32Array, activation: Activation): void {
  const activate = ACTIVATIONS[activation];
  for (let i = 0; i < y.length; i++) y[i] = activate(gate[i]!) * up[i]!;
}

/** The error function by the formula that tfjs's own kernels use (Abramowitz & Stegun 7.1.26), within 1.5e-7. */
function erf(x: number): number {
  const { ERF_P, ERF_A1, ERF_A2, ERF_A3, ERF_A4, ERF_A5 } = backend_util;
  const t = 1 / (1 + ERF_P * Math.abs(x));
  const tail = ((((ERF_A5 * t + ERF_A4) * t + ERF_A3) * t + ERF_A2) * t + ERF_A1) * t * Math.exp(-x * x);
  return Math.sign(x) * (1 - tail);
}
