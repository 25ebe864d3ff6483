import { type Tensor2D, topk } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { noGrad } from "../autodiff/recording.js";
import { OpsError } from "../errors.js";

export type TopKIndicesInputs = { scores: Tensor2D };
export type TopKIndicesAttributes = { k: number };

const run = defineOp({
  kernel: "MixtapeTopKIndices",
  compose: ({ scores }: TopKIndicesInputs, { k }: TopKIndicesAttributes) => {
    const { values, indices } = topk(scores, k);
    values.dispose();
    return indices as Tensor2D;
  },
});

/**
 * Returns the columns of the `k` largest scores of each row, largest first. Of equal scores the lower column comes first (the
 * reference leaves that open). Indices have no gradient.
 *
 * Fused kernel: `MixtapeTopKIndices`, input `scores`, attribute `k`.
 *
 * @param scores `[T, E]`
 * @returns int32 `[T, k]`
 * @throws {OpsError} if `k` is not from 1 to E.
 */
export function topKIndices(scores: Tensor2D, k: number): Tensor2D {
  const [, e] = scores.shape;
  if (!(Number.isInteger(k) && k >= 1 && k <= e))
    throw new OpsError({ where: "topKIndices", expected: `k between 1 and ${e}`, got: `${k}` });
  return noGrad(() => run({ scores }, { k }));
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeTopKIndices: FusedKernel<TopKIndicesInputs, TopKIndicesAttributes>;
  }
}
