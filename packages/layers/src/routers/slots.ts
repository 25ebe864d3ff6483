import { chooseStrategy, noGrad, oneHot } from "@mixtape/ops";
import {
  cast,
  greaterEqual,
  matMul,
  max,
  reshape,
  slice,
  sum,
  type Tensor2D,
  type Tensor3D,
} from "@tensorflow/tfjs-core";
import type { Routing } from "./routing.js";

/**
 * Removes slots that no token uses, except one, if the engine reads back synchronously; otherwise all stay.
 * @param indices int32 `[T, K]`, the used slots of each token first
 */
export function trimSlots(indices: Tensor2D): Tensor2D {
  const [tokens, k] = indices.shape;
  const strategy = chooseStrategy({ tokens, k: 1, experts: k });
  if (strategy !== "fused" && strategy !== "sparse") return indices;
  return noGrad(() => {
    const most = max(sum(cast(greaterEqual(indices, 0), "float32"), 1)).dataSync()[0]!;
    return slice(indices, [0, 0], [-1, Math.max(1, most)]);
  });
}

/** Returns the weight of each expert for each token, 0 for unselected ones. @returns `[T, E]` */
export function denseWeights({ logits, indices, weights }: Routing): Tensor2D {
  const [t, e] = logits.shape;
  const chosen = oneHot(indices, e) as Tensor3D;
  return reshape(matMul(reshape(weights, [t, 1, -1]), chosen), [t, e]);
}
