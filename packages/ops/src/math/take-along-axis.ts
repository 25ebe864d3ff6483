import { matMul, reshape, scatterND, stack, type Tensor2D, type Tensor3D, tensor1d } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { oneHot } from "./one-hot.js";

export type TakeAlongAxisInputs = { x: Tensor2D; indices: Tensor2D };

const run = defineOp({
  kernel: "MixtapeTakeAlongAxis",
  compose: ({ x, indices }: TakeAlongAxisInputs) => {
    const [t, e] = x.shape;
    const [, k] = indices.shape;
    const choice = oneHot(indices, e) as Tensor3D;
    return reshape(matMul(choice, reshape(x, [t, e, 1])), [t, k]) as Tensor2D;
  },
  gradient: ({ x, indices }, _, [dy]) => ({ x: scatterAlongAxis(dy as Tensor2D, indices, x.shape[1]) }),
});

/**
 * Scatters values by column, the backward pass of {@link takeAlongAxis}: `out[t, indices[t, j]] += values[t, j]`, zero elsewhere.
 * @returns `[T, E]`
 */
export function scatterAlongAxis(values: Tensor2D, indices: Tensor2D, width: number): Tensor2D {
  const [t, k] = indices.shape;
  const rows = Int32Array.from({ length: t * k }, (_, i) => Math.floor(i / k));
  const places = stack([tensor1d(rows, "int32"), reshape(indices, [t * k])], 1);
  return scatterND(places, reshape(values, [t * k]), [t, width]) as Tensor2D;
}

/**
 * Gathers columns row by row: `out[t, j] = x[t, indices[t, j]]`.
 *
 * Fused kernel: `MixtapeTakeAlongAxis`, inputs `x`, `indices`.
 *
 * @param x `[T, E]`
 * @param indices int32 `[T, K]`, each below E; the engine decides about others
 * @returns `[T, K]`
 * @throws {OpsError} if `x` and `indices` differ in rows, or `indices` is not int32.
 */
export function takeAlongAxis(x: Tensor2D, indices: Tensor2D): Tensor2D {
  if (indices.shape[0] !== x.shape[0] || indices.dtype !== "int32")
    throw new OpsError({
      where: "takeAlongAxis",
      expected: `int32 indices [${x.shape[0]}, K] for [${x.shape}]`,
      got: `${indices.dtype} [${indices.shape}]`,
    });
  return run({ x, indices }, {});
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeTakeAlongAxis: FusedKernel<TakeAlongAxisInputs, NoAttributes>;
  }
}
