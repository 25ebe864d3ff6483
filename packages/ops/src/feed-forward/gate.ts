import { type Tensor, tidy } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { defineOp } from "../autodiff/op.js";
import { engineTraits } from "../engines/engines.js";
import { OpsError } from "../errors.js";
import { sameShape } from "../math/shapes.js";

export type GateInputs = { gate: Tensor; up: Tensor };
export type GateAttributes = { gating: Gating };

const run = defineOp({
  kernel: "MixtapeGate",
  compose: ({ gate, up }: GateInputs, { gating }: GateAttributes) => gating.gate(gate, up),
});

/**
 * The gating of {@link gatedMlp}, elementwise: `activation(gate) · up` for an activation.
 *
 * Fused kernel: `MixtapeGate`, inputs `gate`, `up`, attribute `gating`, one that the engine declares to know
 * ({@link EngineTraits.fusesGating}).
 *
 * @param gate any shape
 * @param up the same shape
 * @throws {OpsError} when the shapes differ.
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

/** Whether the fused kernels of the engine in use, or of the tfjs backend of that name, know a gating. */
export function canFuse(gating: Gating, backend?: string): boolean {
  return engineTraits(backend).fusesGating?.(gating) ?? false;
}

declare module "../autodiff/fused-kernels.js" {
  interface FusedKernels {
    readonly MixtapeGate: FusedKernel<GateInputs, GateAttributes>;
  }
}
