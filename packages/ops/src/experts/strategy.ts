import { getBackend, getKernel } from "@tensorflow/tfjs-core";
import type { Gating } from "../activations/activation.js";
import { engineTraits } from "../engines/engines.js";
import { canFuse } from "../feed-forward/gate.js";

/**
 * How routed experts are run.
 *
 * - `fused`: the engine's own kernel; reads only the experts that were routed to.
 * - `sparse`: indices are read back once, tokens are grouped by expert, each routed expert multiplies its tokens. Reads only
 *   the experts that were routed to.
 * - `gathered`: the matrices of each token's experts are gathered and multiplied as one batch. Nothing is read back; it
 *   copies one set of matrices per token and choice, so it suits a few tokens. A choice of none (−1) costs as much as any.
 * - `dense`: every expert runs on every token, weighted by zero where it was not chosen. Nothing is read back; it costs E/K
 *   times the work, and an expert that gives infinity or NaN spoils the tokens that did not choose it too.
 */
export type ExpertsStrategy = "fused" | "sparse" | "gathered" | "dense";

/** The kernel that makes `fused` available. */
export const EXPERTS_KERNEL = "MixtapeExperts";

/** What {@link chooseStrategy} goes by. */
export interface ExpertsWork {
  readonly tokens: number;
  /** Experts per token. */
  readonly k: number;
  readonly experts: number;
  /** The gating of the experts. Default: any that the engine's kernel knows. */
  readonly gating?: Gating;
}

/** The strategy that an engine, the one in use by default, takes for `tokens` tokens with `k` of `experts` experts each. */
export function chooseStrategy(
  { tokens, k, experts, gating }: ExpertsWork,
  backend: string = getBackend(),
): ExpertsStrategy {
  if (getKernel(EXPERTS_KERNEL, backend) && (!gating || canFuse(gating, backend))) return "fused";
  if (engineTraits(backend).readsBack) return "sparse";
  return tokens * k < experts ? "gathered" : "dense";
}

const runs: Record<ExpertsStrategy, number> = { fused: 0, sparse: 0, gathered: 0, dense: 0 };

/** Counts a run; called by `experts` alone. */
export function countRun(strategy: ExpertsStrategy): void {
  runs[strategy]++;
}

/** How often each strategy has run in this process. What ran between two calls is their difference. */
export function expertsRuns(): Readonly<Record<ExpertsStrategy, number>> {
  return { ...runs };
}
