import { oneHot, takeAlong, topKIndices, untaped } from "@mixtape/ops";
import {
  cast,
  cumsum,
  div,
  lessEqual,
  mul,
  softmax,
  sub,
  sum,
  type Tensor2D,
  type Tensor3D,
} from "@tensorflow/tfjs-core";

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

/**
 * The experts of each row by probability, and which of them make up `topP` of it, the one by which it is exceeded included.
 * @param logits `[N, E]`
 * @param temperature divides the probabilities, as in MoE-PEFT: it counts in the weights and in what `topP` is compared with. 0 for none
 * @returns `[N, E]` each, the likeliest first: which expert, its weight, and 1 for one that is kept
 */
export function topPKept(
  logits: Tensor2D,
  topP: number,
  temperature: number,
): { order: Tensor2D; sorted: Tensor2D; kept: Tensor2D } {
  const probabilities = div<Tensor2D>(softmax(logits), temperature || 1);
  const order = topKIndices(probabilities, logits.shape[1]);
  const sorted = takeAlong(probabilities, order);
  const kept = untaped(() => cast(lessEqual(sub(cumsum(sorted, 1), sorted), topP), "float32") as Tensor2D);
  return { order, sorted, kept };
}
