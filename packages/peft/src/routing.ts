import { oneHot, takeAlong, topKIndices } from "@mixtape/ops";
import { div, mul, softmax, sum, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";

/**
 * The weights of all experts, those that are not among a row's k likeliest zero, the others made to sum to 1.
 * @param logits `[N, E]` @returns `[N, E]`
 */
export function topKWeights(logits: Tensor2D, k: number): Tensor2D {
  const probabilities = softmax(logits);
  const kept = sum(oneHot(topKIndices(probabilities, k), logits.shape[1]) as Tensor3D, 1) as Tensor2D;
  const chosen = mul(probabilities, kept);
  return div(chosen, sum(chosen, 1, true));
}

/** Each row's k likeliest experts, their probabilities made to sum to 1. @param logits `[N, E]` @returns `[N, k]` each */
export function topK(logits: Tensor2D, k: number): { indices: Tensor2D; weights: Tensor2D } {
  const probabilities = softmax(logits);
  const indices = topKIndices(probabilities, k);
  const chosen = takeAlong(probabilities, indices);
  return { indices, weights: div(chosen, sum(chosen, 1, true)) };
}
