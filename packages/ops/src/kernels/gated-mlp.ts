import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import { gateInto } from "./gate.js";
import type { HostKernel } from "./host.js";

type Inputs = { x: TensorInfo; gate: TensorInfo; up: TensorInfo; down: TensorInfo };
type Attributes = { activation: Activation; transposed: boolean };

/** `gatedMlp` as three products, the gating done in place between them. */
export const gatedMlpKernel: HostKernel = {
  name: "MixtapeGatedMlp",
  backends: ["cpu", "wasm"],
  run(host, { x, gate, up, down }: Inputs, { activation, transposed }: Attributes) {
    const gated = host.multiply(x, gate, transposed);
    const wide = host.multiply(x, up, transposed);
    const inner = host.floats(gated);
    gateInto(inner, inner, host.floats(wide), activation);
    const out = host.multiply(gated, down, transposed);
    host.free(gated);
    host.free(wide);
    return { ...out, shape: x.shape };
  },
};
