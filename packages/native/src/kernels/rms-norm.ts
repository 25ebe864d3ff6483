import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { type BackwardKernel, GradientOutputs, sameAs } from "./backward.js";
import type { NativeKernel } from "./kernel.js";

type RmsNorm = FusedKernels["MixtapeRmsNorm"];

/** `rmsNorm` of `ops`, and the residual that it is added to, in one pass over each row. */
export const rmsNormKernel: NativeKernel = {
  name: "MixtapeRmsNorm",
  run(backend, { x, scale, residual }: RmsNorm["inputs"], { eps }: RmsNorm["attrs"]) {
    const out = backend.output(x.shape);
    const added = residual ? backend.floats(residual) : null;
    addon().rmsNorm(backend.floats(out), backend.floats(x), backend.floats(scale), added, eps);
    return out;
  },
};

/** Computes the backward pass of `rmsNorm`; the gradient with respect to the residual is the output's. */
export const rmsNormBackKernel: NativeKernel = {
  name: "MixtapeRmsNormBack",
  run(backend, inputs: BackwardKernel<RmsNorm>["inputs"], { eps, wanted }: BackwardKernel<RmsNorm>["attrs"]) {
    const { x, scale, dy0 } = inputs;
    const others = wanted.filter((name) => name !== "residual");
    const to = new GradientOutputs(backend, inputs, others);
    if (others.length > 0)
      addon().rmsNormBack(
        to.floats("x"),
        to.floats("scale"),
        backend.floats(x),
        backend.floats(scale),
        backend.floats(dy0),
        eps,
      );
    const made = [...to.all];
    return wanted.map((name) => (name === "residual" ? sameAs(backend, dy0) : made.shift()!));
  },
};
