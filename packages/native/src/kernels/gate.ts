import type { Activation } from "@mixtape/ops";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { ACTIVATIONS, addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** `gate` of `ops` in one pass. */
export const gateKernel: NativeKernel = {
  name: "MixtapeGate",
  run(backend, { gate, up }: { gate: TensorInfo; up: TensorInfo }, { activation }: { activation: Activation }) {
    const out = backend.output(gate.shape);
    addon().gate(backend.floats(out), backend.floats(gate), backend.floats(up), ACTIVATIONS[activation]);
    return out;
  },
};
