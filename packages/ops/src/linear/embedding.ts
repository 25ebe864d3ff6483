import {
  cast,
  expandDims,
  gather,
  mul,
  notEqual,
  reshape,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  transpose,
  unsortedSegmentSum,
} from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { type Weight, wholeTensor } from "../storage/weight.js";

export type EmbeddingInputs = { ids: Tensor1D; weight: Tensor2D };
export type EmbeddingAttributes = { transposed: boolean; paddingIdx: number | null };

const run = defineOp({
  kernel: "MixtapeEmbedding",
  compose: ({ ids, weight }: EmbeddingInputs, { transposed }: EmbeddingAttributes) => {
    if (!transposed) return gather(weight, ids) as Tensor2D;
    // A table that is tied to the head lies as the head multiplies by it; its rows are columns there.
    const columns = gather(weight, ids, 1) as Tensor2D;
    return ids.size === 1 ? (reshape(columns, [1, weight.shape[0]]) as Tensor2D) : transpose(columns);
  },
  gradient: ({ ids, weight }, { transposed, paddingIdx }, [dy]) => {
    const above = paddingIdx === null ? dy! : mul(dy!, isNot(ids, paddingIdx));
    const rows = unsortedSegmentSum(above, ids, weight.shape[transposed ? 1 : 0]!) as Tensor2D;
    return { weight: transposed ? transpose(rows) : rows };
  },
});

/** @returns `[n, 1]`, 0 where an id is that one and 1 elsewhere */
function isNot(ids: Tensor1D, id: number): Tensor {
  return expandDims(cast(notEqual(ids, id), "float32"), 1);
}

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** The row that gets no gradient from here, as `padding_idx` of torch's `nn.Embedding`. Default: every row gets one. */
  readonly paddingIdx?: number | null;
}

/**
 * Rows of a table.
 *
 * Fused kernel: `MixtapeEmbedding`, inputs `ids`, `weight` (`[rows, width]`, or `[width, rows]` where `transposed`). `paddingIdx` matters to
 * the gradient alone.
 *
 * @param ids int32 `[n]`, each below the table's rows: what lies outside is the engine's to answer
 * @param weight a table or a matrix `[rows, width]`
 * @returns `[n, width]`
 */
export function embedding(ids: Tensor1D, weight: Weight, { paddingIdx = null }: EmbeddingOptions = {}): Tensor2D {
  const transposed = weight.layout === "transposed";
  return run({ ids, weight: wholeTensor(weight) as Tensor2D }, { transposed, paddingIdx });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeEmbedding: FusedKernel<EmbeddingInputs, EmbeddingAttributes>;
  }
}
