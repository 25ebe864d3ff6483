import type { FusedKernels } from "@mixtape/ops";
import { ACTIVATIONS, addon } from "../addon.js";
import { type Back, Wanted } from "./back.js";
import type { NativeKernel } from "./kernel.js";

type Gate = FusedKernels["MixtapeGate"];

/** `gate` of `ops` in one pass. */
export const gateKernel: NativeKernel = {
  name: "MixtapeGate",
  run(backend, { gate, up }: Gate["inputs"], { activation }: Gate["attrs"]) {
    const out = backend.output(gate.shape);
    addon().gate(backend.floats(out), backend.floats(gate), backend.floats(up), ACTIVATIONS[activation]);
    return out;
  },
};

/** The way back of `gate`, by both at once. */
export const gateBackKernel: NativeKernel = {
  name: "MixtapeGateBack",
  run(backend, { gate, up, dy0 }: Back<Gate>["inputs"], { activation, wanted }: Back<Gate>["attrs"]) {
    const to = new Wanted(backend, { gate, up }, ["gate", "up"]);
    addon().gateBack(
      to.floats("gate")!,
      to.floats("up")!,
      backend.floats(gate),
      backend.floats(up),
      backend.floats(dy0),
      ACTIVATIONS[activation],
    );
    return to.only(wanted);
  },
};
