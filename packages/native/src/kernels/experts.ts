import type { FusedKernels } from "@mixtape/ops";
import { ACTIVATIONS, addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import { type Back, Wanted } from "./back.js";
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

/**
 * The way back of `experts`; what the way there had in between is computed again. Stacks that lie the other way are left to the op:
 * this engine makes none.
 */
export const expertsBackKernel: NativeKernel = {
  name: "MixtapeExpertsBack",
  run(backend, inputs: Back<Experts>["inputs"], { activation, transposed, wanted }: Back<Experts>["attrs"]) {
    if (transposed) return [];
    const { x, indices, weights, dy0, gate, up, down } = inputs;
    const to = new Wanted(backend, inputs, wanted);
    const [count = 0, inner = 0, width = 0] = gate.shape;
    addon().expertsBack(
      to.floats("x"),
      to.floats("weights"),
      to.floats("gate"),
      to.floats("up"),
      to.floats("down"),
      backend.floats(x),
      backend.ints(indices),
      backend.floats(weights),
      backend.floats(dy0),
      plainMatrix(backend, gate, false),
      plainMatrix(backend, up, false),
      plainMatrix(backend, down, false),
      Int32Array.of(count, width, inner, ACTIVATIONS[activation], backend.precision),
    );
    return [...to.all];
  },
};
