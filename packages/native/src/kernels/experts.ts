import type { FusedKernels } from "@mixtape/ops";
import { ACTIVATIONS, addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

type Experts = FusedKernels["MixtapeExperts"];

/** `experts` of `ops`: tokens are grouped by expert, and only routed experts are read, once each. */
export const expertsKernel: NativeKernel = {
  name: "MixtapeExperts",
  run(backend, inputs: Experts["inputs"], { activation, transposed }: Experts["attrs"]) {
    const { x, indices, weights, gate, up, down } = inputs;
    const out = backend.output(x.shape);
    addon().experts(
      backend.floats(out),
      backend.floats(x),
      backend.ints(indices),
      backend.floats(weights),
      plainMatrix(backend, gate, transposed),
      plainMatrix(backend, up, transposed),
      plainMatrix(backend, down, transposed),
      gate.shape[0]!,
      x.shape[1]!,
      gate.shape[transposed ? 2 : 1]!,
      ACTIVATIONS[activation],
      backend.precision,
    );
    return out;
  },
};
