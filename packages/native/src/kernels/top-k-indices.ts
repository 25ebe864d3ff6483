import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** `topKIndices` of `ops`. */
export const topKIndicesKernel: NativeKernel = {
  name: "MixtapeTopKIndices",
  run(backend, { scores }: { scores: TensorInfo }, { k }: { k: number }) {
    const [rows, width] = scores.shape as [number, number];
    const out = backend.output([rows, k], "int32");
    addon().topKIndices(backend.ints(out), backend.floats(scores), width, k);
    return out;
  },
};
