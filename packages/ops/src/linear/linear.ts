import { reshape, type Tensor, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { type Weight, wholeTensor } from "../storage/weight.js";
import { affine, gradBias, gradInput, gradWeight, rowsOf } from "./matmul.js";

export type LinearInputs = { x: Tensor; weight: Tensor2D; bias?: Tensor1D };
export type LinearAttributes = { transposed: boolean };

/** Computes {@link linear} of tensors. */
export const runLinear = defineOp({
  kernel: "MixtapeLinear",
  compose: ({ x, weight, bias }: LinearInputs, { transposed }: LinearAttributes) => {
    // Rows, not batches: engines multiply two matrices faster than a batch by one matrix.
    const sum = affine(rowsOf(x), weight, bias, transposed);
    return x.rank === 2 ? sum : reshape(sum, [...x.shape.slice(0, -1), sum.shape[1]]);
  },
  gradient: ({ x, weight }, { transposed }, [dy], wanted) => {
    const above = rowsOf(dy!);
    return {
      ...(wanted.has("x") && { x: reshape(gradInput(above, weight, transposed), x.shape) }),
      ...(wanted.has("weight") && { weight: gradWeight(above, rowsOf(x), transposed) }),
      ...(wanted.has("bias") && { bias: gradBias(above) }),
    };
  },
});

/**
 * Linear map of the last axis: `x·Wᵀ + b`.
 *
 * Fused kernel: `MixtapeLinear`, inputs `x`, `weight` (`[out, in]`, or `[in, out]` if `transposed`), `bias?`.
 *
 * @param x `[…, in]`
 * @param weight a matrix `[out, in]`
 * @param bias `[out]`
 * @returns `[…, out]`
 * @throws {OpsError} if the last axis of `x` is not the weight's `in`, or the bias is not `[out]`.
 */
export function linear<T extends Tensor>(x: T, weight: Weight, bias?: Tensor1D): T {
  const [out, width] = weight.shape;
  if (x.shape.at(-1) !== width) throw misfit(weight, `an input […, ${width}]`, x);
  if (bias && !(bias.shape.length === 1 && bias.shape[0] === out)) throw misfit(weight, `a bias [${out}]`, bias);
  const inputs = { x: x as Tensor, weight: wholeTensor(weight) as Tensor2D, bias };
  return runLinear(inputs, { transposed: weight.layout === "transposed" }) as T;
}

function misfit({ shape: [out, width] }: Weight, expected: string, { shape }: Tensor): OpsError {
  return new OpsError({ where: `linear [${out}, ${width}]`, expected, got: `[${shape}]` });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeLinear: FusedKernel<LinearInputs, LinearAttributes>;
  }
}
