import { type Tensor2D, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import type { Activation } from "../activations.js";
import { OpsError } from "../errors.js";
import { checkLayouts, type GatedMlpWeights } from "../gated-mlp.js";
import { defineOp, hasKernel } from "../op.js";
import { sameShape } from "../shapes.js";
import { stackedTensor, type Weight } from "../weight.js";
import type { ExpertsAttributes, ExpertsInputs } from "./contract.js";
import { dense } from "./dense.js";
import { gradientByGroups } from "./fused-gradient.js";
import { gathered } from "./gathered.js";
import type { Routed } from "./routed.js";
import { sparse } from "./sparse.js";
import { chooseStrategy, countRun, EXPERTS_KERNEL, type ExpertsStrategy } from "./strategy.js";

const fused = defineOp({
  kernel: EXPERTS_KERNEL,
  compose: ({ x, indices, weights, gate, up, down }: ExpertsInputs, { activation, transposed }: ExpertsAttributes) => {
    const stack = (tensor: Tensor3D): Weight => {
      const [e, rows, columns] = tensor.shape;
      const shape = transposed ? [e, columns, rows] : [e, rows, columns];
      return { role: "stack", shape, layout: transposed ? "transposed" : "plain", parts: [tensor] };
    };
    return dense({ x, indices, weights }, { gate: stack(gate), up: stack(up), down: stack(down) }, activation);
  },
  gradient: gradientByGroups,
});

const compositions = { sparse, gathered, dense };

/**
 * Routed experts, each a gated MLP: `Σ_j weights[t, j] · MLP_{indices[t, j]}(x[t])`
 * (Shazeer et al. 2017, https://arxiv.org/abs/1701.06538).
 *
 * Fused kernel: `MixtapeExperts`, inputs `x`, `indices`, `weights`, `gate`, `up`, `down` (stacks in one tensor each),
 * attributes `activation`, `transposed`.
 *
 * @param routed tokens `[T, M]` with their experts and weights `[T, K]`, no expert twice for a token
 * @param stacks `gate` and `up` `[E, I, M]`, `down` `[E, M, I]`
 * @param strategy how to run them; what suits the engine where absent. {@link expertsRuns} tells what ran.
 * @returns `[T, M]`
 * @throws {OpsError} where shapes do not fit, the stacks are not laid out alike, or `fused` is asked of an engine that has
 *   no such kernel.
 */
export function experts(
  routed: Routed,
  stacks: GatedMlpWeights,
  activation: Activation,
  strategy: ExpertsStrategy = chooseStrategy({
    tokens: routed.indices.shape[0],
    k: routed.indices.shape[1],
    experts: stacks.gate.shape[0]!,
  }),
): Tensor2D {
  checkShapes(routed, stacks);
  checkLayouts("experts", stacks);
  checkStrategy(strategy);
  countRun(strategy);
  if (strategy !== "fused") return tidy(() => compositions[strategy](routed, stacks, activation));
  const { x, indices, weights } = routed;
  const run = (): Tensor2D => {
    const [gate, up, down] = [stackedTensor(stacks.gate), stackedTensor(stacks.up), stackedTensor(stacks.down)];
    return fused(
      { x, indices, weights, gate, up, down },
      { activation, transposed: stacks.gate.layout === "transposed" },
    );
  };
  // Stacks that lie apart are copied into one tensor each, which nobody else frees.
  return stacks.gate.parts.length > 1 ? tidy(run) : run();
}

function checkStrategy(strategy: ExpertsStrategy): void {
  const here = hasKernel(EXPERTS_KERNEL);
  if (strategy in compositions || (strategy === "fused" && here)) return;
  throw new OpsError({
    where: "experts",
    expected: `the strategy ${Object.keys(compositions).join(", ")}${here ? ", fused" : ""}`,
    got: JSON.stringify(strategy),
    fix: strategy === "fused" ? "The engine in use has no fused experts kernel" : undefined,
  });
}

function checkShapes({ x, indices, weights }: Routed, { gate, up, down }: GatedMlpWeights): void {
  const [t, m] = x.shape;
  const [e = 0, i = 0] = gate.shape;
  const fits =
    t > 0 &&
    sameShape(gate.shape, [e, i, m]) &&
    sameShape(up.shape, gate.shape) &&
    sameShape(down.shape, [e, m, i]) &&
    indices.shape[0] === t &&
    indices.dtype === "int32" &&
    sameShape(weights.shape, indices.shape);
  if (!fits)
    throw new OpsError({
      where: "experts",
      expected: "x [T, M], int32 indices and weights [T, K], gate and up [E, I, M], down [E, M, I], T at least 1",
      got:
        [x, indices, weights, gate, up, down].map(({ shape }) => `[${shape}]`).join(", ") +
        `, indices ${indices.dtype}`,
    });
}
