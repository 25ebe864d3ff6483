import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { checkScalar } from "../activations/define-activation.js";
import { defineOp } from "../autodiff/op.js";
import { engineTraits, fusesScalars } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

export type GateInputs = { gate: Tensor; up: Tensor };
export type GateAttributes = { gating: Gating };

const run = defineOp({
  kernel: "MixtapeGate",
  compose: ({ gate, up }: GateInputs, { gating }: GateAttributes) => gating.gate(gate, up),
});

/**
 * Applies the gating of {@link gatedMlp}, elementwise: `activation(gate) · up` for an activation.
 *
 * Fused kernel: `MixtapeGate`, inputs `gate`, `up`, attribute `gating`, one that the engine declares ({@link
 * EngineTraits.fusesGating}).
 *
 * @param gate any shape
 * @param up the same shape
 * @throws {OpsError} if the shapes differ.
 */
export function gate<T extends Tensor>(gate: T, up: T, gating: Gating): T {
  if (!sameShape(gate.shape, up.shape))
    throw new OpsError({
      where: "gate",
      expected: "two tensors of one shape",
      got: `[${gate.shape}] and [${up.shape}]`,
    });
  return (canFuse(gating) ? run({ gate, up }, { gating }) : tidy(() => gating.gate(gate, up))) as T;
}

/**
 * Returns whether the fused kernels of a tfjs backend know a gating. Default: the engine in use.
 * @throws {OpsError} if the engine in use would compute a `scalar` that disagrees with the gating's formula.
 */
export function canFuse(gating: Gating, backend?: string): boolean {
  const { fusesGating } = engineTraits(backend);
  if (!fusesGating?.(gating)) return false;
  // Others have kernels of published formulas, which defineActivation compares with `scalar`.
  if (backend === undefined && fusesGating === fusesScalars) checkScalar(gating);
  return true;
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeGate: FusedKernel<GateInputs, GateAttributes>;
  }
}
