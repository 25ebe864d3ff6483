import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { gatingNumbers } from "../gatings.js";
import { plainMatrix } from "../matrix.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import { floatsOrNull, type NativeKernel } from "./kernel.js";

type Experts = FusedKernels["MixtapeExperts"];
type FloatsOrNull = Float32Array | null;

function biasesOf(
  backend: NativeBackend,
  { gateBias, upBias, downBias }: Experts["inputs"],
): [FloatsOrNull, FloatsOrNull, FloatsOrNull] {
  return [floatsOrNull(backend, gateBias), floatsOrNull(backend, upBias), floatsOrNull(backend, downBias)];
}

/** `experts` of `ops`: tokens are grouped by expert, and only routed experts are read, once each. */
export const expertsKernel: NativeKernel = {
  name: "MixtapeExperts",
  run(backend, inputs: Experts["inputs"], { gating, transposed }: Experts["attrs"]) {
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
      ...biasesOf(backend, inputs),
      gate.shape[0]!,
      x.shape[1]!,
      gate.shape[transposed ? 2 : 1]!,
      gatingNumbers(gating),
      backend.precision,
    );
    return out;
  },
};

/**
 * The backward pass of `experts`; what the forward pass had in between is computed again. Transposed stacks are left to the op: this
 * engine makes none.
 */
export const expertsBackKernel: NativeKernel = {
  name: "MixtapeExpertsBack",
  run(
    backend,
    inputs: BackwardKernel<Experts>["inputs"],
    { gating, transposed, wanted }: BackwardKernel<Experts>["attrs"],
  ) {
    if (transposed) return [];
    const { x, indices, weights, dy0, gate, up, down } = inputs;
    const to = new GradientOutputs(backend, inputs, wanted);
    const [count = 0, inner = 0, width = 0] = gate.shape;
    addon().expertsBack(
      to.floats("x"),
      to.floats("weights"),
      to.floats("gate"),
      to.floats("up"),
      to.floats("down"),
      to.floats("gateBias"),
      to.floats("upBias"),
      to.floats("downBias"),
      backend.floats(x),
      backend.ints(indices),
      backend.floats(weights),
      backend.floats(dy0),
      plainMatrix(backend, gate, false),
      plainMatrix(backend, up, false),
      plainMatrix(backend, down, false),
      ...biasesOf(backend, inputs),
      Int32Array.of(count, width, inner, backend.precision),
      gatingNumbers(gating),
    );
    return [...to.all];
  },
};
