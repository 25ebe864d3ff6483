import { expandDims, logSumExp, mul, reshape, softmax, sub, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { scatterAlongAxis, takeAlongAxis } from "./take-along-axis.js";

export type CrossEntropyInputs = { logits: Tensor2D; targets: Tensor1D };

const run = defineOp({
  kernel: "MixtapeCrossEntropy",
  compose: ({ logits, targets }: CrossEntropyInputs) =>
    sub(logSumExp(logits, 1), reshape(takeAlongAxis(logits, expandDims(targets, 1)), [targets.size])) as Tensor1D,
  gradient: ({ logits, targets }, _, [dy]) => {
    const above = expandDims(dy!, 1) as Tensor2D;
    const chosen = scatterAlongAxis(above, expandDims(targets, 1) as Tensor2D, logits.shape[1]);
    return { logits: sub(mul(softmax(logits), above), chosen) };
  },
});

/**
 * Negative log-likelihood of each row's target, in nats: `logsumexp(logits) − logits[target]`.
 *
 * Fused kernel: `MixtapeCrossEntropy`, inputs `logits`, `targets`.
 *
 * @param logits `[N, V]`
 * @param targets int32 `[N]`, each below V; the engine decides about others
 * @returns `[N]`
 * @throws {OpsError} if there are not as many targets as rows, or they are not int32.
 */
export function crossEntropy(logits: Tensor2D, targets: Tensor1D): Tensor1D {
  if (targets.shape[0] !== logits.shape[0] || targets.dtype !== "int32")
    throw new OpsError({
      where: "crossEntropy",
      expected: `int32 targets [${logits.shape[0]}] for [${logits.shape}]`,
      got: `${targets.dtype} [${targets.shape}]`,
    });
  return run({ logits, targets }, {});
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeCrossEntropy: FusedKernel<CrossEntropyInputs, NoAttributes>;
  }
}
