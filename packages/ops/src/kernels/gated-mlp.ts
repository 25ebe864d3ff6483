import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gateInto } from "./gate.js";
import type { Host, HostKernel } from "./host.js";
import { addBias } from "./linear.js";

type Inputs = {
  x: TensorInfo;
  gate: TensorInfo;
  up: TensorInfo;
  down: TensorInfo;
  gateBias?: TensorInfo;
  upBias?: TensorInfo;
  downBias?: TensorInfo;
};
type Attributes = { gating: Gating; transposed: boolean };

/** Computes `gatedMlp` as three products, with the gating in place between them. */
export const gatedMlpKernel: HostKernel = {
  name: "MixtapeGatedMlp",
  backends: ["cpu", "wasm"],
  run(host: Host, inputs: Inputs, { gating, transposed }: Attributes) {
    const { x } = inputs;
    const gated = host.multiply(x, inputs.gate, transposed);
    const wide = host.multiply(x, inputs.up, transposed);
    if (inputs.gateBias) addBias(host, gated, inputs.gateBias);
    if (inputs.upBias) addBias(host, wide, inputs.upBias);
    const inner = host.floats(gated);
    gateInto(inner, inner, host.floats(wide), gating);
    const out = host.multiply(gated, inputs.down, transposed);
    if (inputs.downBias) addBias(host, out, inputs.downBias);
    host.free(gated);
    host.free(wide);
    return { ...out, shape: x.shape };
  },
};
