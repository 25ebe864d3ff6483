import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { checkLogits, softmax } from "./processors/logits-processor.js";

/** Chooses a token from processed logits `[V]`. */
export type Sampler = (logits: Float32Array) => number;

/** The likeliest token; of equals the first. NaN and infinity go before all numbers: who looks at the choice finds them. */
export const greedy: Sampler = (logits) => {
  checkLogits("greedy", logits);
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
};

/**
 * Draws tokens by their probability, with random numbers that depend on the seed and the row alone: not on the engine, not on
 * the other rows of the batch.
 */
export function seededSampler(seed: number, row: number): Sampler {
  const random = xoroshiro128plus(mix(seed, row));
  return (logits) => {
    const probabilities = softmax(logits);
    let left = uniformFloat64(random);
    let last = 0;
    for (let i = 0; i < probabilities.length; i++) {
      if (probabilities[i] === 0) continue;
      last = i;
      left -= probabilities[i]!;
      if (left < 0) return i;
    }
    // Rounding can leave a rest; it belongs to the last token that was possible.
    return last;
  };
}

/** One 32-bit seed per row, unlike for rows and seeds that lie next to each other (the finalizer of MurmurHash3). */
function mix(seed: number, row: number): number {
  let h = (seed ^ Math.imul(row + 1, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
