import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** `rmsNorm` of `ops`, and the residual that it is added to, in one pass over each row. */
export const rmsNormKernel: NativeKernel = {
  name: "MixtapeRmsNorm",
  run(
    backend,
    { x, scale, residual }: { x: TensorInfo; scale: TensorInfo; residual?: TensorInfo },
    { eps }: { eps: number },
  ) {
    const out = backend.output(x.shape);
    const added = residual ? backend.floats(residual) : null;
    addon().rmsNorm(backend.floats(out), backend.floats(x), backend.floats(scale), added, eps);
    return out;
  },
};
