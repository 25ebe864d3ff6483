import type { FusedKernels } from "@mixtape/ops";
import { addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

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
