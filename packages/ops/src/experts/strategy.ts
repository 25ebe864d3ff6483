import { getBackend, getKernel } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { engineTraits } from "../engines/engines.js";
import { canFuse } from "../feed-forward/gate.js";

/**
 * Strategy to run routed experts.
 *
 * - `fused`: the engine's own kernel; reads only experts with tokens.
 * - `sparse`: reads the indices back once, groups tokens by expert, and multiplies per expert. Reads only experts with tokens.
 * - `gathered`: gathers the matrices of each token's experts and multiplies them as one batch. Reads nothing back; copies one set
 *   of matrices per token and choice, so it suits a few tokens. A choice of none (−1) costs as much as any.
 * - `dense`: runs every expert on every token, with weight zero for those that were not chosen. Reads nothing back; E/K times the
 *   work, and an expert that gives infinity or NaN spoils the tokens that did not choose it too.
 */
export type ExpertsStrategy = "fused" | "sparse" | "gathered" | "dense";

/** Kernel of the strategy `fused`. */
export const EXPERTS_KERNEL = "MixtapeExperts";

/** Arguments of {@link chooseStrategy}. */
export interface ExpertsWork {
  readonly tokens: number;
  /** Experts per token. */
  readonly k: number;
  readonly experts: number;
  /** Gating of the experts. Default: any that the engine's kernel knows. */
  readonly gating?: Gating;
}

/** Returns the strategy of an engine for `tokens` tokens with `k` of `experts` experts each. Default: the engine in use. */
export function chooseStrategy(
  { tokens, k, experts, gating }: ExpertsWork,
  backend: string = getBackend(),
): ExpertsStrategy {
  if (getKernel(EXPERTS_KERNEL, backend) && (!gating || canFuse(gating, backend))) return "fused";
  if (engineTraits(backend).readsBack) return "sparse";
  return tokens * k < experts ? "gathered" : "dense";
}

const runs: Record<ExpertsStrategy, number> = { fused: 0, sparse: 0, gathered: 0, dense: 0 };

/** Counts a run. Called only by `experts`. */
export function countRun(strategy: ExpertsStrategy): void {
  runs[strategy]++;
}

/** Returns the number of runs of each strategy in this process. Subtract two results to count what ran between. */
export function expertsRuns(): Readonly<Record<ExpertsStrategy, number>> {
  return { ...runs };
}
