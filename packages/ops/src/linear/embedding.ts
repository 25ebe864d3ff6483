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
    // An embedding that is tied to the head has the layout of the head, in which its rows may be columns.
    const columns = gather(weight, ids, 1) as Tensor2D;
    return ids.size === 1 ? (reshape(columns, [1, weight.shape[0]]) as Tensor2D) : transpose(columns);
  },
  gradient: ({ ids, weight }, { transposed, paddingIdx }, [dy]) => {
    const above = paddingIdx === null ? dy! : mul(dy!, isNot(ids, paddingIdx));
    const rows = unsortedSegmentSum(above, ids, weight.shape[transposed ? 1 : 0]!) as Tensor2D;
    return { weight: transposed ? transpose(rows) : rows };
  },
});

/** @returns `[n, 1]`, 0 for the padding id and 1 for others */
function isNot(ids: Tensor1D, id: number): Tensor {
  return expandDims(cast(notEqual(ids, id), "float32"), 1);
}

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Row without gradient, as `padding_idx` of torch's `nn.Embedding`. Default: every row has one. */
  readonly paddingIdx?: number | null;
}

/**
 * Looks up rows of an embedding.
 *
 * Fused kernel: `MixtapeEmbedding`, inputs `ids`, `weight` (`[rows, width]`, or `[width, rows]` if `transposed`). `paddingIdx`
 * affects only the gradient.
 *
 * @param ids int32 `[n]`, each below the number of rows; the engine decides about others
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
