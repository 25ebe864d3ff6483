import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import type { HostKernel } from "./host.js";

/** Computes `gate` in one pass. */
export const gateKernel: HostKernel = {
  name: "MixtapeGate",
  backends: ["cpu", "wasm"],
  run(host, inputs: { gate: TensorInfo; up: TensorInfo }, { gating }: { gating: Gating }) {
    const out = host.output(inputs.gate.shape, "float32");
    gateInto(host.floats(out), host.floats(inputs.gate), host.floats(inputs.up), gating);
    return out;
  },
};

/** Computes `y = gating(gate, up)`; `y` may be one of the two. */
export function gateInto(y: Float32Array, gate: Float32Array, up: Float32Array, { scalar }: Gating): void {
  // Engines declare only gatings with a formula of numbers.
  for (let i = 0; i < y.length; i++) y[i] = scalar!(gate[i]!, up[i]!);
}
