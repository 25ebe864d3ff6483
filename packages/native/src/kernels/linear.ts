import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import { nativeMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

/** `linear` of `ops`: any storage format, on all threads. */
export const linearKernel: NativeKernel = {
  name: "MixtapeLinear",
  run(backend, { x, weight, bias }: { x: TensorInfo; weight: TensorInfo; bias?: TensorInfo }) {
    const width = x.shape.at(-1)!;
    const out = backend.output([...x.shape.slice(0, -1), weight.shape[0]!]);
    addon().linear(
      backend.floats(out),
      backend.floats(x),
      nativeMatrix(backend, weight),
      bias ? backend.floats(bias) : null,
      width,
      backend.precision,
    );
    return out;
  },
};
