import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/**
 * `takeAlongAxis` of `ops` as a plain look-up.
 * @throws {NativeError} for an index that is no column of `x`.
 */
export const takeAlongAxisKernel: NativeKernel = {
  name: "MixtapeTakeAlongAxis",
  run(backend, { x, indices }: { x: TensorInfo; indices: TensorInfo }) {
    const out = backend.output(indices.shape);
    addon().takeAlongAxis(
      backend.floats(out),
      backend.floats(x),
      backend.ints(indices),
      x.shape[1]!,
      indices.shape[1]!,
    );
    return out;
  },
};
