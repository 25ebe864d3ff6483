import { matMul, reshape, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import { oneHot } from "./one-hot.js";
import { defineOp } from "./op.js";

const run = defineOp({
  kernel: "MixtapeTakeAlong",
  compose: ({ x, indices }: { x: Tensor2D; indices: Tensor2D }) => {
    const [t, e] = x.shape;
    const [, k] = indices.shape;
    const choice = oneHot(indices, e) as Tensor3D;
    return reshape(matMul(choice, reshape(x, [t, e, 1])), [t, k]) as Tensor2D;
  },
});

/**
 * `out[t, j] = x[t, indices[t, j]]`.
 *
 * Fused kernel: `MixtapeTakeAlong`, inputs `x`, `indices`.
 *
 * @param x `[T, E]`
 * @param indices int32 `[T, K]`
 * @returns `[T, K]`
 */
export function takeAlong(x: Tensor2D, indices: Tensor2D): Tensor2D {
  return run({ x, indices }, {});
}
