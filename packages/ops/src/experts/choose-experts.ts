import { add, div, mul, sigmoid, softmax, sum, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { takeAlongAxis } from "../math/take-along-axis.js";
import { topKIndices } from "../math/top-k-indices.js";

export type ChooseExpertsInputs = { logits: Tensor2D; bias?: Tensor1D };
export type ChooseExpertsAttributes = {
  /** Number of experts of a token. */
  k: number;
  /** Function from logits to scores. */
  score: "softmax" | "sigmoid";
  /** True if the weights of a token are normalised to sum to 1. */
  normalize: boolean;
  /** Factor on the weights, after the normalisation. */
  scale: number;
};

const run = defineOpWithOutputs({
  kernel: "MixtapeChooseExperts",
  compose: ({ logits, bias }: ChooseExpertsInputs, { k, score, normalize, scale }: ChooseExpertsAttributes) => {
    const scores = score === "softmax" ? softmax(logits) : sigmoid(logits);
    const indices = topKIndices(bias ? add(scores, bias) : scores, k);
    const chosen = takeAlongAxis(scores, indices);
    // As in the reference of DeepSeek-V3: scores that are all 0 give the weights 0. No other sum changes by it.
    const weights: Tensor2D = normalize ? div(chosen, add(sum(chosen, 1, true), 1e-20)) : chosen;
    return [indices, scale === 1 ? weights : mul<Tensor2D>(weights, scale)] as const;
  },
});

/** Top-k routing in one op: scores, selection and weights. */
export interface RoutingSpec extends ChooseExpertsAttributes {
  /** `[E]`, added to the scores for the selection, not for the weights. */
  readonly bias?: Tensor1D | undefined;
}

/**
 * Selects the experts of each token, and their weights, from router logits: top-k of the scores plus a bias per expert, weighted
 * by the scores (Shazeer et al. 2017, https://arxiv.org/abs/1701.06538; with sigmoid and bias Wang et al. 2024,
 * https://arxiv.org/abs/2408.15664). Of equal scores the lower expert comes first.
 *
 * Fused kernel: `MixtapeChooseExperts`, inputs `logits`, `bias?`, attributes `k`, `score`, `normalize`, `scale`. It returns
 * indices and weights.
 *
 * @param logits `[T, E]`
 * @returns `indices` int32 `[T, K]`, largest first, and `weights` `[T, K]`
 * @throws {OpsError} if `k` is not from 1 to E, or the bias is not `[E]`.
 */
export function chooseExperts(
  logits: Tensor2D,
  { bias, k, score, normalize, scale }: RoutingSpec,
): { indices: Tensor2D; weights: Tensor2D } {
  const [, e] = logits.shape;
  if (!(Number.isInteger(k) && k >= 1 && k <= e))
    throw new OpsError({ where: "chooseExperts", expected: `k between 1 and ${e}`, got: `${k}` });
  if (bias && !(bias.shape.length === 1 && bias.shape[0] === e))
    throw new OpsError({ where: "chooseExperts", expected: `a bias [${e}]`, got: `[${bias.shape}]` });
  const [indices, weights] = run({ logits, bias }, { k, score, normalize, scale });
  return { indices, weights };
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeChooseExperts: FusedKernel<ChooseExpertsInputs, ChooseExpertsAttributes>;
  }
}
