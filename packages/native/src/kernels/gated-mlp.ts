import type { FusedKernels } from "@mixtape/ops";
import { ACTIVATIONS, addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

type GatedMlp = FusedKernels["MixtapeGatedMlp"];

/** `gatedMlp` of `ops`: any storage format, on all threads. */
export const gatedMlpKernel: NativeKernel = {
  name: "MixtapeGatedMlp",
  run(backend, { x, gate, up, down }: GatedMlp["inputs"], { activation, transposed }: GatedMlp["attrs"]) {
    const out = backend.output(x.shape);
    addon().gatedMlp(
      backend.floats(out),
      backend.floats(x),
      plainMatrix(backend, gate, transposed),
      plainMatrix(backend, up, transposed),
      plainMatrix(backend, down, transposed),
      x.shape.at(-1)!,
      gate.shape[transposed ? 1 : 0]!,
      ACTIVATIONS[activation],
      backend.precision,
    );
    return out;
  },
};
