import { add, concat, mul, slice, type Tensor2D, type Tensor3D, transpose, zeros } from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

/** Inputs of {@link causalConvolution}. */
export type CausalConvolutionInputs = { x: Tensor3D; weight: Tensor2D; past?: Tensor3D | undefined };

const run = defineOpWithOutputs({
  kernel: "MixtapeCausalConvolution",
  compose: ({ x, weight, past }: CausalConvolutionInputs, _: Record<never, never>): [Tensor3D, Tensor3D] => {
    const [b, l, c] = x.shape;
    const k = weight.shape[1];
    const all: Tensor3D = concat([past ?? zeros([b, k - 1, c]), x], 1);
    const taps = transpose(weight);
    const terms = Array.from({ length: k }, (_, j) =>
      mul(slice(all, [0, j, 0], [b, l, c]), slice(taps, [j, 0], [1, c])),
    );
    return [terms.reduce((sum, term) => add(sum, term)) as Tensor3D, slice(all, [0, l, 0], [b, k - 1, c])];
  },
});

/**
 * Depthwise causal convolution, as in front of the recurrences of Mamba and Gated DeltaNet:
 * `y[t, c] = Σ_j weight[c, j] · x[t − K + 1 + j, c]`.
 *
 * Fused kernel: `MixtapeCausalConvolution`, inputs `x`, `weight`, `past?`, outputs `y` and the new `past`.
 *
 * @param inputs `x` `[B, L, C]`; `weight` `[C, K]`; `past` `[B, K − 1, C]`, the inputs before the first, zeros by default
 * @returns `y` `[B, L, C]`, and `past` `[B, K − 1, C]` for the inputs that come next
 * @throws {OpsError} if the shapes do not fit.
 */
export function causalConvolution(inputs: CausalConvolutionInputs): { y: Tensor3D; past: Tensor3D } {
  const { x, weight, past } = inputs;
  const [b, , c] = x.shape;
  const [channels, k] = weight.shape;
  if (channels !== c || k < 1 || (past && !sameShape(past.shape, [b, k - 1, c])))
    throw new OpsError({
      where: "causalConvolution",
      expected: "x [B, L, C], weight [C, K] and past [B, K − 1, C]",
      got: `[${x.shape}], [${weight.shape}] and ${past ? `[${past.shape}]` : "none"}`,
    });
  const [y, next] = run({ x, weight, past }, {});
  return { y, past: next };
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeCausalConvolution: FusedKernel<CausalConvolutionInputs, NoAttributes>;
  }
}
