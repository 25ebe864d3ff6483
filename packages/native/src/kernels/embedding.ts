import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import { plainMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

/**
 * `embedding` of `ops`: rows of a table in any storage format, decoded.
 * @throws {NativeError} for an id that is no row of the table.
 */
export const embeddingKernel: NativeKernel = {
  name: "MixtapeEmbedding",
  run(backend, { ids, weight }: { ids: TensorInfo; weight: TensorInfo }, { transposed }: { transposed: boolean }) {
    const [first, second] = weight.shape as [number, number];
    const [rows, width] = transposed ? [second, first] : [first, second];
    const out = backend.output([ids.shape[0]!, width]);
    addon().embedding(backend.floats(out), backend.ints(ids), plainMatrix(backend, weight, transposed), rows);
    return out;
  },
};
