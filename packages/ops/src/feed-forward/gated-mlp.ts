import { add, reshape, type Tensor, type Tensor1D, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gradientsOf } from "../autodiff/gradients.js";
import { defineOp } from "../autodiff/op.js";
import { OpsError } from "../errors.js";
import { linear } from "../linear/linear.js";
import { affine, gradBias, gradInput, gradWeight, rowsOf } from "../linear/matmul.js";
import { sameShape } from "../math/shapes.js";
import { type Weight, wholeTensor } from "../storage/weight.js";
import { canFuse, gate } from "./gate.js";

/** Matrices of a gated MLP, or their stacks. */
export interface MlpMatrices {
  readonly gate: Weight;
  readonly up: Weight;
  readonly down: Weight;
}

/** Biases of a gated MLP, or one of each per expert. */
export interface MlpBiases<T extends Tensor = Tensor> {
  readonly gateBias?: T | undefined;
  readonly upBias?: T | undefined;
  readonly downBias?: T | undefined;
}

/**
 * Weights of a gated MLP: `gate` and `up` `[intermediate, hidden]`, `down` `[hidden, intermediate]`, biases as long as their
 * outputs.
 */
export type GatedMlpWeights = MlpMatrices & MlpBiases<Tensor1D>;

/** Names of the biases. */
export const BIASES = ["gateBias", "upBias", "downBias"] as const;

export type GatedMlpInputs = {
  x: Tensor;
  gate: Tensor2D;
  up: Tensor2D;
  down: Tensor2D;
} & { [bias in keyof MlpBiases]?: Tensor1D | undefined };
export type GatedMlpAttributes = { gating: Gating; transposed: boolean };

const run = defineOp({
  kernel: "MixtapeGatedMlp",
  compose: ({ x, ...weights }: GatedMlpInputs, { gating, transposed }: GatedMlpAttributes) => {
    const rows = rowsOf(x);
    const a = affine(rows, weights.gate, weights.gateBias, transposed);
    const b = affine(rows, weights.up, weights.upBias, transposed);
    return reshape(affine(gate(a, b, gating), weights.down, weights.downBias, transposed), x.shape);
  },
  gradient: ({ x, ...weights }, { gating, transposed }, [dy], wanted) => {
    const [rows, above] = [rowsOf(x), rowsOf(dy!)];
    const a = affine(rows, weights.gate, weights.gateBias, transposed);
    const b = affine(rows, weights.up, weights.upBias, transposed);
    const gated = () => gate(a, b, gating);
    const dInner = gradInput(above, weights.down, transposed);
    const [da, db] = gradientsOf(gated, [a, b], dInner) as [Tensor2D, Tensor2D];
    const dx = () => add(gradInput(da, weights.gate, transposed), gradInput(db, weights.up, transposed));
    return {
      ...(wanted.has("x") && { x: reshape(dx(), x.shape) }),
      ...(wanted.has("gate") && { gate: gradWeight(da, rows, transposed) }),
      ...(wanted.has("up") && { up: gradWeight(db, rows, transposed) }),
      ...(wanted.has("down") && { down: gradWeight(above, gated(), transposed) }),
      ...(wanted.has("gateBias") && { gateBias: gradBias(da) }),
      ...(wanted.has("upBias") && { upBias: gradBias(db) }),
      ...(wanted.has("downBias") && { downBias: gradBias(above) }),
    };
  },
});

/**
 * Gated feed-forward of a decoder: `down(gating(gate(x), up(x)))`, which is `down(activation(gate(x)) · up(x))` for an activation
 * and SwiGLU for silu (Shazeer 2020, https://arxiv.org/abs/2002.05202).
 *
 * Fused kernel: `MixtapeGatedMlp`, inputs `x`, `gate`, `up`, `down` (`[out, in]`, or `[in, out]` if `transposed`), `gateBias?`,
 * `upBias?`, `downBias?`, attributes `gating` (one that the engine declares), `transposed`.
 *
 * @param x `[…, hidden]`
 * @returns the shape of `x`
 * @throws {OpsError} if shapes do not fit, or the matrices differ in layout.
 */
export function gatedMlp<T extends Tensor>(x: T, weights: GatedMlpWeights, gating: Gating): T {
  checkMatrices(x, weights);
  const { gateBias, upBias, downBias } = weights;
  if (!canFuse(gating))
    return tidy(() => {
      const inner = gating.gate(linear(x, weights.gate, gateBias), linear(x, weights.up, upBias));
      return linear(inner, weights.down, downBias) as T;
    });
  const inputs = {
    x: x as Tensor,
    gate: wholeTensor(weights.gate) as Tensor2D,
    up: wholeTensor(weights.up) as Tensor2D,
    down: wholeTensor(weights.down) as Tensor2D,
    gateBias,
    upBias,
    downBias,
  };
  return run(inputs, { gating, transposed: weights.gate.layout === "transposed" }) as T;
}

function checkMatrices(x: Tensor, weights: GatedMlpWeights): void {
  const { gate, up, down } = weights;
  const [inner = 0, width = 0] = gate.shape;
  const fits =
    x.shape.at(-1) === width &&
    sameShape(up.shape, gate.shape) &&
    sameShape(down.shape, [width, inner]) &&
    hasBiases(weights, [inner], [width]);
  if (!fits)
    throw new OpsError({
      where: "gatedMlp",
      expected: `an input […, hidden], gate and up [intermediate, hidden], down [hidden, intermediate]${biasText(weights, "[intermediate]", "[hidden]")}`,
      got: shapesOf([x, gate, up, down], weights),
    });
  checkLayouts("gatedMlp", weights);
}

/** Returns whether the given biases have these shapes. */
export function hasBiases(weights: MlpBiases, inner: readonly number[], outer: readonly number[]): boolean {
  return BIASES.every((name) => {
    const bias = weights[name];
    return !bias || sameShape(bias.shape, name === "downBias" ? outer : inner);
  });
}

/** Describes the expected shapes of biases for an error, if there are any. */
export function biasText(weights: MlpBiases, inner: string, outer: string): string {
  return BIASES.some((name) => weights[name]) ? `, biases of gate and up ${inner} and of down ${outer}` : "";
}

/** Lists the shapes of tensors, and of the given biases, for an error. */
export function shapesOf(tensors: readonly { readonly shape: readonly number[] }[], weights: MlpBiases): string {
  const biases = BIASES.flatMap((name) => (weights[name] ? [`${name} [${weights[name].shape}]`] : []));
  return [...tensors.map(({ shape }) => `[${shape}]`), ...biases].join(", ");
}

/** Throws unless the three matrices have one layout, which a fused kernel takes for all. */
export function checkLayouts(where: string, { gate, up, down }: MlpMatrices): void {
  if (up.layout !== gate.layout || down.layout !== gate.layout)
    throw new OpsError({
      where,
      expected: "gate, up and down in one layout",
      got: `${gate.layout}, ${up.layout} and ${down.layout}`,
    });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeGatedMlp: FusedKernel<GatedMlpInputs, GatedMlpAttributes>;
  }
}
