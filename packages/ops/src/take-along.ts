import { matMul, reshape, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import { OpsError } from "./errors.js";
import { oneHot } from "./one-hot.js";
import { defineOp } from "./op.js";

export type TakeAlongInputs = { x: Tensor2D; indices: Tensor2D };

const run = defineOp({
  kernel: "MixtapeTakeAlong",
  compose: ({ x, indices }: TakeAlongInputs) => {
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
 * @param indices int32 `[T, K]`, each below E: what lies outside is the engine's to answer
 * @returns `[T, K]`
 * @throws {OpsError} where `x` and `indices` have not the same rows, or `indices` is not int32.
 */
export function takeAlong(x: Tensor2D, indices: Tensor2D): Tensor2D {
  if (indices.shape[0] !== x.shape[0] || indices.dtype !== "int32")
    throw new OpsError({
      where: "takeAlong",
      expected: `int32 indices [${x.shape[0]}, K] for [${x.shape}]`,
      got: `${indices.dtype} [${indices.shape}]`,
    });
  return run({ x, indices }, {});
}
