import { type Tensor2D, type Tensor3D, tidy } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { gradientsOfAll } from "../autodiff/gradients.js";
import { defineOp, hasKernel } from "../autodiff/op.js";
import { engineTraits } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import { canFuse } from "../feed-forward/gate.js";
import { biasText, checkLayouts, hasBiases, shapesOf } from "../feed-forward/gated-mlp.js";
import { sameShape } from "../math/shapes.js";
import { stackedTensor, type Weight } from "../storage/weight.js";
import type { ExpertsAttributes, ExpertsInputs } from "./contract.js";
import { dense } from "./dense.js";
import { gradientByGroups } from "./fused-gradient.js";
import { gathered } from "./gathered.js";
import type { ExpertStacks, Routed } from "./routed.js";
import { sparse } from "./sparse.js";
import { chooseStrategy, countRun, EXPERTS_KERNEL, type ExpertsStrategy } from "./strategy.js";

const fused = defineOp({
  kernel: EXPERTS_KERNEL,
  compose,
  gradient: (inputs, attributes, dys, wanted) => {
    if (engineTraits().readsBack) return gradientByGroups(inputs, attributes, dys, wanted);
    const names = [...wanted];
    const xs = names.map((name) => inputs[name]!);
    const found = gradientsOfAll(() => [compose(inputs, attributes)], xs, dys);
    return Object.fromEntries(names.map((name, i) => [name, found[i]]));
  },
});

function compose(inputs: ExpertsInputs, { gating, transposed }: ExpertsAttributes): Tensor2D {
  const { x, indices, weights, gate, up, down, ...biases } = inputs;
  const stack = (tensor: Tensor3D): Weight => {
    const [e, rows, columns] = tensor.shape;
    const shape = transposed ? [e, columns, rows] : [e, rows, columns];
    return { role: "stack", shape, layout: transposed ? "transposed" : "plain", parts: [tensor] };
  };
  return dense({ x, indices, weights }, { gate: stack(gate), up: stack(up), down: stack(down), ...biases }, gating);
}

const compositions = { sparse, gathered, dense };

/**
 * Runs routed experts, each a gated MLP: `Σ_j weights[t, j] · MLP_{indices[t, j]}(x[t])` over the j with an expert
 * (Shazeer et al. 2017, https://arxiv.org/abs/1701.06538). A token may have fewer experts than K, or none: its output is 0 then.
 *
 * Fused kernel: `MixtapeExperts`, inputs `x`, `indices`, `weights`, `gate`, `up`, `down` (stacks in one tensor each),
 * `gateBias?`, `upBias?`, `downBias?`, attributes `gating` (one that the engine declares), `transposed`.
 *
 * @param routed tokens `[T, M]` with their experts (−1 for none) and weights `[T, K]`, no expert twice for a token
 * @param stacks `gate` and `up` `[E, I, M]`, `down` `[E, M, I]`, biases `[E, I]` and `[E, M]`
 * @param strategy Default: {@link chooseStrategy}. {@link expertsRuns} counts the strategies that ran.
 * @returns `[T, M]`
 * @throws {OpsError} if shapes do not fit, the stacks differ in layout, the engine has no `fused` kernel or not for this gating,
 *   and on `sparse` if an index is neither −1 nor an expert.
 */
export function experts(
  routed: Routed,
  stacks: ExpertStacks,
  gating: Gating,
  strategy: ExpertsStrategy = chooseStrategy({
    tokens: routed.indices.shape[0],
    k: routed.indices.shape[1],
    experts: stacks.gate.shape[0]!,
    gating,
  }),
): Tensor2D {
  checkShapes(routed, stacks);
  checkLayouts("experts", stacks);
  checkStrategy(strategy, gating);
  countRun(strategy);
  if (strategy !== "fused") return tidy(() => compositions[strategy](routed, stacks, gating));
  const { x, indices, weights } = routed;
  const { gateBias, upBias, downBias } = stacks;
  const run = (): Tensor2D => {
    const [gate, up, down] = [stackedTensor(stacks.gate), stackedTensor(stacks.up), stackedTensor(stacks.down)];
    return fused(
      { x, indices, weights, gate, up, down, gateBias, upBias, downBias },
      { gating, transposed: stacks.gate.layout === "transposed" },
    );
  };
  // Stacks that are stored apart are copied into one tensor each, which is freed here.
  return stacks.gate.parts.length > 1 ? tidy(run) : run();
}

function checkStrategy(strategy: ExpertsStrategy, gating: Gating): void {
  if (strategy in compositions || (strategy === "fused" && canFuseExperts(gating))) return;
  throw new OpsError({
    where: "experts",
    expected: `the strategy ${Object.keys(compositions).join(", ")}${canFuseExperts(gating) ? ", fused" : ""}`,
    got: JSON.stringify(strategy),
    fix:
      strategy !== "fused"
        ? undefined
        : hasKernel(EXPERTS_KERNEL)
          ? `The engine in use has no fused experts kernel for the gating ${JSON.stringify(gating.name)}`
          : "The engine in use has no fused experts kernel",
  });
}

function canFuseExperts(gating: Gating): boolean {
  return hasKernel(EXPERTS_KERNEL) && canFuse(gating);
}

function checkShapes({ x, indices, weights }: Routed, stacks: ExpertStacks): void {
  const { gate, up, down } = stacks;
  const [t, m] = x.shape;
  const [e = 0, i = 0] = gate.shape;
  const fits =
    t > 0 &&
    sameShape(gate.shape, [e, i, m]) &&
    sameShape(up.shape, gate.shape) &&
    sameShape(down.shape, [e, m, i]) &&
    indices.shape[0] === t &&
    indices.dtype === "int32" &&
    sameShape(weights.shape, indices.shape) &&
    hasBiases(stacks, [e, i], [e, m]);
  if (!fits)
    throw new OpsError({
      where: "experts",
      expected: `x [T, M], int32 indices and weights [T, K], gate and up [E, I, M], down [E, M, I], T at least 1${biasText(stacks, "[E, I]", "[E, M]")}`,
      got: `${shapesOf([x, indices, weights, gate, up, down], stacks)}, indices ${indices.dtype}`,
    });
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeExperts: FusedKernel<ExpertsInputs, ExpertsAttributes>;
  }
}
