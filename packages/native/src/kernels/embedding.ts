import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import { NativeError } from "../errors.js";
import { nativeMatrix } from "../matrix.js";
import type { NativeKernel } from "./kernel.js";

/**
 * `embedding` of `ops`: rows of a table in any storage format, decoded.
 * @throws {NativeError} for an id that is no row of the table.
 */
export const embeddingKernel: NativeKernel = {
  name: "MixtapeEmbedding",
  run(backend, { ids, weight }: { ids: TensorInfo; weight: TensorInfo }, { transposed }: { transposed: boolean }) {
    if (transposed)
      throw new NativeError({ where: "embedding", expected: "a table [rows, width]", got: "a transposed one" });
    const [rows, width] = weight.shape as [number, number];
    const out = backend.output([ids.shape[0]!, width]);
    addon().embedding(backend.floats(out), backend.ints(ids), nativeMatrix(backend, weight), rows);
    return out;
  },
};
