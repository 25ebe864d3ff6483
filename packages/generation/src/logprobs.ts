/** Log-probabilities of chosen and of likely tokens. */
import { largestIds } from "./processors/largest-ids.js";

/** The log-probability of one token. */
export interface TokenLogprob {
  /** Id of the token. */
  readonly id: number;
  /** Natural logarithm of its probability. −∞ for a token that is ruled out. */
  readonly logprob: number;
}

/** The log-probability of a chosen token, with the likeliest tokens beside it. */
export interface TokenLogprobs extends TokenLogprob {
  /** The likeliest tokens, likeliest first; of equals the lower id. As many as `top` asks for. */
  readonly top: readonly TokenLogprob[];
}

/** Log-probabilities to return with each new token. */
export interface LogprobOptions {
  /** Number of the likeliest tokens to list. Default 0: the chosen token alone. */
  readonly top?: number;
  /**
   * Distribution that they belong to: `logits`, that of the model (transformers' `output_logits`, vLLM's `raw_logprobs`), or `scores`,
   * that after all processors (`output_scores`, `processed_logprobs`). Default `logits`.
   */
  readonly of?: "logits" | "scores";
}

/** Terms below exp(−50) of the largest add less than 2⁻⁵² to the sum, even for a million of them. */
const NEGLIGIBLE = -50;

/**
 * Returns the log-probabilities of a token and of the `top` likeliest: a log-softmax in float64 that keeps only the values asked for.
 * @param logits `[V]`, not changed
 */
export function logprobsOf(logits: Float32Array, id: number, top: number): TokenLogprobs {
  const best = largestIds(logits, Math.min(top, logits.length));
  const logSum = logSumExp(logits, best.length > 0 ? logits[best[0]!]! : undefined);
  const one = (token: number): TokenLogprob => ({ id: token, logprob: logits[token]! - logSum });
  return { ...one(id), top: best.map(one) };
}

/**
 * Returns the log-probabilities of a prompt's tokens; null for the first.
 * @param logits `[L, V]`, those of the position before each token
 */
export function promptLogprobsOf(
  logits: Float32Array,
  prompt: readonly number[],
  top: number,
): (TokenLogprobs | null)[] {
  const vocabSize = logits.length / prompt.length;
  return prompt.map((id, i) =>
    i === 0 ? null : logprobsOf(logits.subarray((i - 1) * vocabSize, i * vocabSize), id, top),
  );
}

function logSumExp(logits: Float32Array, largest = maxOf(logits)): number {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const below = logits[i]! - largest;
    if (below > NEGLIGIBLE) sum += Math.exp(below);
  }
  return largest + Math.log(sum);
}

function maxOf(logits: Float32Array): number {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > largest) largest = logits[i]!;
  return largest;
}
