import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import { type BackwardKernel, GradientOutputs } from "./backward.js";
import type { NativeKernel } from "./kernel.js";
import { linearGradInput, linearGradWeight } from "./linear-gradients.js";

type Linear = FusedKernels["MixtapeLinear"];

/** `linear` of `ops`: any storage format, on all threads. */
export const linearKernel: NativeKernel = {
  name: "MixtapeLinear",
  run(backend, { x, weight, bias }: Linear["inputs"], { transposed }: Linear["attrs"]) {
    const width = x.shape.at(-1)!;
    const out = backend.output([...x.shape.slice(0, -1), weight.shape[transposed ? 1 : 0]!]);
    addon().linear(
      backend.floats(out),
      backend.floats(x),
      plainMatrix(backend, weight, transposed),
      bias ? backend.floats(bias) : null,
      width,
      backend.precision,
    );
    return out;
  },
};

/** Computes the backward pass of `linear`. Multiplies compact weights in place. */
export const linearBackKernel: NativeKernel = {
  name: "MixtapeLinearBack",
  run(backend, inputs: BackwardKernel<Linear>["inputs"], { transposed, wanted }: BackwardKernel<Linear>["attrs"]) {
    const { x, weight, dy0 } = inputs;
    const to = new GradientOutputs(backend, inputs, wanted);
    const dy = backend.floats(dy0);
    const [gradX, gradWeight, gradBias] = [to.floats("x"), to.floats("weight"), to.floats("bias")];
    const rows = weight.shape[transposed ? 1 : 0]!;
    if (gradX) linearGradInput(backend, gradX, dy, weight, transposed);
    if (gradWeight) linearGradWeight(gradWeight, dy, backend.floats(x), rows, x.shape.at(-1)!, transposed);
    if (gradBias) addon().sumColumns(gradBias, dy, rows);
    return [...to.all];
  },
};
