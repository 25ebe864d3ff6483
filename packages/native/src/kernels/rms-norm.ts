import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { type Back, sameAs, Wanted } from "./back.js";
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

/** The way back of `rmsNorm`; that of the residual is the gradient itself. */
export const rmsNormBackKernel: NativeKernel = {
  name: "MixtapeRmsNormBack",
  run(backend, inputs: Back<RmsNorm>["inputs"], { eps, wanted }: Back<RmsNorm>["attrs"]) {
    const { x, scale, dy0 } = inputs;
    const others = wanted.filter((name) => name !== "residual");
    const to = new Wanted(backend, inputs, others);
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
