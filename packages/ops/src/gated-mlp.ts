import { add, mul, reshape, type Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { type Activation, activate } from "./activations.js";
import { OpsError } from "./errors.js";
import { defineOp } from "./op.js";
import { gradientByMatrix, gradientByRows, rowsOf, timesMatrix } from "./products.js";
import { sameShape } from "./shapes.js";
import { gradientsOf } from "./tape.js";
import { type Weight, wholeTensor } from "./weight.js";

export type GateInputs = { gate: Tensor; up: Tensor };
export type GateAttributes = { activation: Activation };

const runGate = defineOp({
  kernel: "MixtapeGate",
  compose: ({ gate, up }: GateInputs, { activation }: GateAttributes) => mul(activate(gate, activation), up),
});

/**
 * `activation(gate) · up`, elementwise: the gating of {@link gatedMlp}.
 *
 * Fused kernel: `MixtapeGate`, inputs `gate`, `up`, attribute `activation`.
 *
 * @param gate any shape
 * @param up the same shape
 * @throws {OpsError} where the shapes differ.
 */
export function gate<T extends Tensor>(gate: T, up: T, activation: Activation): T {
  if (!sameShape(gate.shape, up.shape))
    throw new OpsError({
      where: "gate",
      expected: "two tensors of one shape",
      got: `[${gate.shape}] and [${up.shape}]`,
    });
  return runGate({ gate, up }, { activation }) as T;
}

/** The three matrices of a gated MLP: `gate` and `up` `[intermediate, hidden]`, `down` `[hidden, intermediate]`. */
export interface GatedMlpWeights {
  readonly gate: Weight;
  readonly up: Weight;
  readonly down: Weight;
}

export type GatedMlpInputs = { x: Tensor; gate: Tensor2D; up: Tensor2D; down: Tensor2D };
export type GatedMlpAttributes = { activation: Activation; transposed: boolean };

const run = defineOp({
  kernel: "MixtapeGatedMlp",
  compose: ({ x, gate: g, up, down }: GatedMlpInputs, { activation, transposed }: GatedMlpAttributes) => {
    const rows = rowsOf(x);
    const inner = gate(timesMatrix(rows, g, transposed), timesMatrix(rows, up, transposed), activation);
    return reshape(timesMatrix(inner, down, transposed), x.shape);
  },
  gradient: ({ x, gate: g, up, down }, { activation, transposed }, [dy], wanted) => {
    const [rows, above] = [rowsOf(x), rowsOf(dy!)];
    const [a, b] = [timesMatrix(rows, g, transposed), timesMatrix(rows, up, transposed)];
    const gated = () => gate(a, b, activation);
    const [da, db] = gradientsOf(gated, [a, b], gradientByRows(above, down, transposed)) as [Tensor2D, Tensor2D];
    const dx = () => add(gradientByRows(da, g, transposed), gradientByRows(db, up, transposed));
    return {
      ...(wanted.has("x") && { x: reshape(dx(), x.shape) }),
      ...(wanted.has("gate") && { gate: gradientByMatrix(da, rows, transposed) }),
      ...(wanted.has("up") && { up: gradientByMatrix(db, rows, transposed) }),
      ...(wanted.has("down") && { down: gradientByMatrix(above, gated(), transposed) }),
    };
  },
});

/**
 * The gated feed-forward of a decoder: `down(activation(gate(x)) · up(x))`, SwiGLU where the activation is silu
 * (Shazeer 2020, https://arxiv.org/abs/2002.05202).
 *
 * Fused kernel: `MixtapeGatedMlp`, inputs `x`, `gate`, `up`, `down` (`[out, in]`, or `[in, out]` where `transposed`),
 * attributes `activation`, `transposed`.
 *
 * @param x `[…, hidden]`
 * @returns the shape of `x`
 * @throws {OpsError} where shapes do not fit, or the matrices are not laid out alike.
 */
export function gatedMlp<T extends Tensor>(x: T, weights: GatedMlpWeights, activation: Activation): T {
  checkMatrices(x, weights);
  const inputs = {
    x: x as Tensor,
    gate: wholeTensor(weights.gate) as Tensor2D,
    up: wholeTensor(weights.up) as Tensor2D,
    down: wholeTensor(weights.down) as Tensor2D,
  };
  return run(inputs, { activation, transposed: weights.gate.layout === "transposed" }) as T;
}

function checkMatrices(x: Tensor, { gate, up, down }: GatedMlpWeights): void {
  const [inner, width] = gate.shape;
  const fits =
    x.shape.at(-1) === width &&
    sameShape(up.shape, gate.shape) &&
    down.shape.length === 2 &&
    down.shape[0] === width &&
    down.shape[1] === inner;
  if (!fits)
    throw new OpsError({
      where: "gatedMlp",
      expected: "an input […, hidden], gate and up [intermediate, hidden], down [hidden, intermediate]",
      got: [x, gate, up, down].map(({ shape }) => `[${shape}]`).join(", "),
    });
  checkLayouts("gatedMlp", { gate, up, down });
}

/** A fused kernel is told one layout for all three. */
export function checkLayouts(where: string, { gate, up, down }: GatedMlpWeights): void {
  if (up.layout !== gate.layout || down.layout !== gate.layout)
    throw new OpsError({
      where,
      expected: "gate, up and down in one layout",
      got: `${gate.layout}, ${up.layout} and ${down.layout}`,
    });
}
