import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { gatingNumbers } from "../gatings.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import type { NativeKernel } from "./kernel.js";

type Gate = FusedKernels["MixtapeGate"];

/** `gate` of `ops` in one pass. */
export const gateKernel: NativeKernel = {
  name: "MixtapeGate",
  run(backend, { gate, up }: Gate["inputs"], { gating }: Gate["attrs"]) {
    const out = backend.output(gate.shape);
    addon().gate(backend.floats(out), backend.floats(gate), backend.floats(up), gatingNumbers(gating));
    return out;
  },
};

/** The backward pass of `gate`, with respect to both at once. */
export const gateBackKernel: NativeKernel = {
  name: "MixtapeGateBack",
  run(backend, { gate, up, dy0 }: BackwardKernel<Gate>["inputs"], { gating, wanted }: BackwardKernel<Gate>["attrs"]) {
    const to = new GradientOutputs(backend, { gate, up }, ["gate", "up"]);
    addon().gateBack(
      to.floats("gate")!,
      to.floats("up")!,
      backend.floats(gate),
      backend.floats(up),
      backend.floats(dy0),
      gatingNumbers(gating),
    );
    return to.only(wanted);
  },
};
