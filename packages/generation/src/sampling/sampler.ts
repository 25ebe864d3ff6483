import { GenerationError } from "../generation-error.js";
import { checkLogits, softmax } from "../processors/logits-processor.js";
import { kindOf } from "../prompts.js";
import type { RowContext } from "../rows/row-context.js";
import type { Rng } from "./rng.js";

/**
 * Chooses the next token of one row from processed logits.
 *
 * ```ts
 * const uniform: Sampler = { name: "uniform", sample: (logits, rng) => Math.floor(rng.uniform() * logits.length) };
 * ```
 */
export interface Sampler {
  /** Name in errors. */
  readonly name: string;
  /**
   * Returns the id of the chosen token.
   * @param logits `[V]` after all processors, −∞ for tokens that are ruled out; read-only, and valid during the call alone
   * @param rng the row's random numbers
   * @param row the row's tokens so far
   */
  sample(logits: Float32Array, rng: Rng, row: RowContext): number;
}

/** Returns the likeliest token; of equals the first. NaN and Infinity sort first, so callers notice them. */
export function argmax(logits: Float32Array): number {
  checkLogits("argmax", logits);
  let best = 0;
  let largest = -Infinity;
  // One pass without calls: a vocabulary may have 200,000 tokens.
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]!;
    if (logit <= largest) continue;
    if (!(logit < Infinity)) return i;
    largest = logit;
    best = i;
  }
  return best;
}

/** Takes the likeliest token. */
export const greedySampler = { name: "greedy", sample: argmax } satisfies Sampler;

/** Samples tokens by their probability, in float64. */
export const multinomialSampler = {
  name: "multinomial",
  sample(logits: Float32Array, rng: Rng): number {
    if (typeof (rng as Rng | undefined)?.uniform !== "function")
      throw new GenerationError({
        where: "multinomialSampler: rng",
        expected: "an Rng, such as seededRng(7, 0)",
        got: kindOf(rng),
      });
    const probabilities = softmax(logits);
    let left = rng.uniform();
    let last = 0;
    for (let i = 0; i < probabilities.length; i++) {
      if (probabilities[i] === 0) continue;
      last = i;
      left -= probabilities[i]!;
      if (left < 0) return i;
    }
    // Rounding can leave a rest, which belongs to the last possible token.
    return last;
  },
} satisfies Sampler;
