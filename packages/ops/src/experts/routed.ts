import { matMul, reshape, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import type { MlpBiases, MlpMatrices } from "../feed-forward/gated-mlp.js";

/** Tokens with their experts. */
export interface Routed {
  /** `[T, M]` */
  readonly x: Tensor2D;
  /** int32 `[T, K]`: experts of each token, −1 for none, which is not computed */
  readonly indices: Tensor2D;
  /** `[T, K]`: weights; 0 at an index of −1 */
  readonly weights: Tensor2D;
}

/** Expert stacks: `gate` and `up` `[E, I, M]`, `down` `[E, M, I]`, and biases `[E, I]` and `[E, M]`. */
export type ExpertStacks = MlpMatrices & MlpBiases<Tensor2D>;

/**
 * Computes the weighted sum of the outputs of each token's choices.
 * @param outputs `[T·K, M]` or `[T, K, M]`, tokens first
 * @param weights `[T, K]`
 * @returns `[T, M]`
 */
export function weighChoices(outputs: Tensor2D | Tensor3D, weights: Tensor2D): Tensor2D {
  const [t, k] = weights.shape;
  const width = outputs.shape.at(-1)!;
  if (t === 1) return matMul(weights, reshape(outputs, [k, width]));
  return reshape(matMul(reshape(weights, [t, 1, k]), reshape(outputs, [t, k, width])), [t, width]);
}
