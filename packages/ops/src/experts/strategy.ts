import { getBackend, getKernel } from "@tensorflow/tfjs-core";

/**
 * How routed experts are run.
 *
 * - `fused`: the engine's own kernel; reads only the experts that were routed to.
 * - `sparse`: indices are read back once, tokens are grouped by expert, each routed expert multiplies its tokens. Reads only
 *   the experts that were routed to.
 * - `gathered`: the matrices of each token's experts are gathered and multiplied as one batch. Nothing is read back; it
 *   copies one set of matrices per token and choice, so it suits a few tokens.
 * - `dense`: every expert runs on every token, weighted by zero where it was not chosen. Nothing is read back; it costs E/K
 *   times the work, and an expert that gives infinity or NaN spoils the tokens that did not choose it too.
 */
export type ExpertsStrategy = "fused" | "sparse" | "gathered" | "dense";

/** The kernel that makes `fused` available. */
export const EXPERTS_KERNEL = "MixtapeExperts";

/** Engines on which reading a tensor back is immediate. Elsewhere it waits for the device, or throws. */
const READS_BACK = new Set(["cpu", "wasm", "tensorflow", "native"]);

/** The strategy that an engine, the one in use by default, takes for `tokens` tokens with `k` of `experts` experts each. */
export function chooseStrategy(
  { tokens, k, experts }: { tokens: number; k: number; experts: number },
  backend: string = getBackend(),
): ExpertsStrategy {
  if (getKernel(EXPERTS_KERNEL, backend)) return "fused";
  if (READS_BACK.has(backend)) return "sparse";
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
