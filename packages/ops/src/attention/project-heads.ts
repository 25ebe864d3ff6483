import {
  add,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  transpose,
} from "@tensorflow/tfjs-core";
import { defineOpWithOutputs } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { runLinear } from "../linear/linear.js";
import { gradBias, gradInput, gradWeight, rowsOf } from "../linear/matmul.js";
import { reshape } from "../math/reshape.js";
import { type Weight, wholeTensor } from "../storage/weight.js";

export type ProjectHeadsInputs = {
  x: Tensor3D;
  q: Tensor2D;
  k: Tensor2D;
  v: Tensor2D;
  qBias?: Tensor1D;
  kBias?: Tensor1D;
  vBias?: Tensor1D;
};
export type ProjectHeadsAttributes = { headDim: number; transposed: boolean };

const run = defineOpWithOutputs({
  kernel: "MixtapeProjectHeads",
  compose: (
    { x, q, k, v, qBias, kBias, vBias }: ProjectHeadsInputs,
    { headDim, transposed }: ProjectHeadsAttributes,
  ) => {
    const project = (weight: Tensor2D, bias?: Tensor1D): Tensor4D =>
      splitHeads(runLinear({ x, weight, bias }, { transposed }) as Tensor3D, headDim);
    return [project(q, qBias), project(k, kBias), project(v, vBias)] as const;
  },
  gradient: (inputs, { transposed }, dys, wanted) => {
    const rows = rowsOf(inputs.x);
    const gradients: { -readonly [name in keyof ProjectHeadsInputs]?: Tensor } = {};
    for (const [i, name] of (["q", "k", "v"] as const).entries()) {
      if (!dys[i]) continue;
      const above = mergedRows(dys[i] as Tensor4D);
      if (wanted.has(name)) gradients[name] = gradWeight(above, rows, transposed);
      if (wanted.has(`${name}Bias`)) gradients[`${name}Bias`] = gradBias(above);
      if (!wanted.has("x")) continue;
      const dx = gradInput(above, inputs[name], transposed);
      gradients.x = gradients.x ? add(gradients.x, dx) : dx;
    }
    return { ...gradients, ...(gradients.x && { x: reshape(gradients.x, inputs.x.shape) }) };
  },
});

/** Merges heads to rows, the backward pass of {@link splitHeads}: `[B, H, L, D]` to `[B·L, H·D]`. */
function mergedRows(heads: Tensor4D): Tensor2D {
  const [b, h, l, d] = heads.shape;
  return reshape(transpose(heads, [0, 2, 1, 3]), [b * l, h * d]);
}

/** Projection to heads: a matrix `[heads · D, M]` and an optional bias `[heads · D]`. */
export interface HeadProjection {
  readonly weight: Weight;
  readonly bias?: Tensor1D | undefined;
}

/**
 * Computes the three projections of attention, split into heads: `splitHeads(linear(x, weight, bias))`.
 *
 * Fused kernel: `MixtapeProjectHeads`, inputs `x`, `q`, `k`, `v` (`[out, in]`, or `[in, out]` if `transposed`), `qBias?`,
 * `kBias?`, `vBias?`, attributes `headDim`, `transposed`. It returns queries, keys and values.
 *
 * @param x `[B, L, M]`
 * @param headDim D
 * @returns queries `[B, H, L, D]`, keys and values `[B, G, L, D]`
 * @throws {OpsError} if shapes do not fit, or the matrices differ in layout.
 */
export function projectHeads(
  x: Tensor3D,
  projections: Readonly<Record<"q" | "k" | "v", HeadProjection>>,
  headDim: number,
): readonly [queries: Tensor4D, keys: Tensor4D, values: Tensor4D] {
  const { q, k, v } = projections;
  checkProjections(x, [q, k, v], headDim);
  const inputs = {
    x,
    q: wholeTensor(q.weight) as Tensor2D,
    k: wholeTensor(k.weight) as Tensor2D,
    v: wholeTensor(v.weight) as Tensor2D,
    qBias: q.bias,
    kBias: k.bias,
    vBias: v.bias,
  };
  return run(inputs, { headDim, transposed: q.weight.layout === "transposed" });
}

/**
 * Splits the last axis into heads.
 * @param x `[B, L, H·D]` @returns `[B, H, L, D]`
 * @throws {OpsError} if the last axis is not a multiple of D.
 */
export function splitHeads(x: Tensor3D, headDim: number): Tensor4D {
  const [b, l, width] = x.shape;
  const heads = width / headDim;
  if (!Number.isInteger(heads))
    throw new OpsError({ where: "splitHeads", expected: `a multiple of ${headDim}`, got: `[${x.shape}]` });
  // With one position, a reshape is a transpose.
  if (l === 1) return reshape(x, [b, heads, 1, headDim]);
  return transpose(reshape(x, [b, l, heads, headDim]), [0, 2, 1, 3]) as Tensor4D;
}

function checkProjections(x: Tensor3D, projections: readonly HeadProjection[], headDim: number): void {
  const width = x.shape[2];
  const { layout } = projections[0]!.weight;
  for (const { weight, bias } of projections) {
    const [out = 0, columns] = weight.shape;
    const fits =
      columns === width && out % headDim === 0 && (!bias || (bias.shape.length === 1 && bias.shape[0] === out));
    if (!fits || weight.layout !== layout)
      throw new OpsError({
        where: "projectHeads",
        expected: `${layout} matrices [heads · ${headDim}, ${width}] with biases [heads · ${headDim}] or none`,
        got: `${weight.layout} [${weight.shape}]${bias ? ` with [${bias.shape}]` : ""}`,
      });
  }
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeProjectHeads: FusedKernel<ProjectHeadsInputs, ProjectHeadsAttributes>;
  }
}
