import { gather, reshape, type Tensor1D, type Tensor2D, transpose } from "@tensorflow/tfjs-core";
import { defineOp } from "./op.js";
import { type Weight, wholeTensor } from "./weight.js";

export type EmbeddingInputs = { ids: Tensor1D; weight: Tensor2D };
export type EmbeddingAttributes = { transposed: boolean };

const run = defineOp({
  kernel: "MixtapeEmbedding",
  compose: ({ ids, weight }: EmbeddingInputs, { transposed }: EmbeddingAttributes) => {
    if (!transposed) return gather(weight, ids) as Tensor2D;
    // A table that is tied to the head lies as the head multiplies by it; its rows are columns there.
    const columns = gather(weight, ids, 1) as Tensor2D;
    return ids.size === 1 ? (reshape(columns, [1, weight.shape[0]]) as Tensor2D) : transpose(columns);
  },
});

/**
 * Rows of a table.
 *
 * Fused kernel: `MixtapeEmbedding`, inputs `ids`, `weight` (`[rows, width]`, or `[width, rows]` where `transposed`).
 *
 * @param ids int32 `[n]`, each below the table's rows: what lies outside is the engine's to answer
 * @param weight a table or a matrix `[rows, width]`
 * @returns `[n, width]`
 */
export function embedding(ids: Tensor1D, weight: Weight): Tensor2D {
  return run({ ids, weight: wholeTensor(weight) as Tensor2D }, { transposed: weight.layout === "transposed" });
}
