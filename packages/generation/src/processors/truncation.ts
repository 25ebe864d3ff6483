/** Processors that sample among some of the tokens alone. Each keeps at least one. */
import { largestIds } from "./largest-ids.js";
import { drop, type LogitsProcessor, softmax } from "./logits-processor.js";

/** Keeps the k largest logits, and those equal to the k-th (Fan et al. 2018, https://arxiv.org/abs/1805.04833). */
export function topKProcessor(k: number): LogitsProcessor {
  return {
    name: "topK",
    process(logits) {
      if (k >= logits.length) return;
      const least = kthLargest(logits, k);
      for (let i = 0; i < logits.length; i++) if (logits[i]! < least) logits[i] = -Infinity;
    },
  };
}

/**
 * Keeps the likeliest tokens that together reach probability p, at least one (nucleus sampling, Holtzman et al. 2019,
 * https://arxiv.org/abs/1904.09751).
 */
export function topPProcessor(p: number): LogitsProcessor {
  return {
    name: "topP",
    process(logits) {
      // Sorts values, not ids: several times as fast for a vocabulary of 150,000.
      const ascending = logits.filter((logit) => logit !== -Infinity).sort();
      const largest = ascending.at(-1) ?? 0;
      let sum = 0;
      for (let i = 0; i < ascending.length; i++) sum += Math.exp(ascending[i]! - largest);
      let below = 0;
      let dropped = 0;
      for (; dropped < ascending.length - 1; dropped++) {
        below += Math.exp(ascending[dropped]! - largest) / sum;
        if (below > 1 - p) break;
      }
      dropSmallest(logits, ascending, dropped);
    },
  };
}

/** Rules out the `count` smallest logits; of equals those of higher ids. @param ascending the logits that count, sorted */
function dropSmallest(logits: Float32Array, ascending: Float32Array, count: number): void {
  const least = ascending[count];
  if (count === 0 || least === undefined) return;
  let equals = count - ascending.indexOf(least);
  for (let id = logits.length - 1; id >= 0; id--) {
    if (logits[id]! < least || (logits[id] === least && equals-- > 0)) logits[id] = -Infinity;
  }
}

/** Drops tokens less likely than a share of the likeliest (Nguyen et al. 2024, https://arxiv.org/abs/2407.01082). */
export function minPProcessor(share: number): LogitsProcessor {
  return {
    name: "minP",
    process(logits) {
      const probabilities = softmax(logits);
      const least = share * largestOf(probabilities);
      drop(logits, (id) => probabilities[id]! >= least);
    },
  };
}

/**
 * Keeps the tokens whose information is nearest to the entropy and that together reach a mass (locally typical sampling,
 * Meister et al. 2022, https://arxiv.org/abs/2202.00666).
 */
export function typicalProcessor(mass: number): LogitsProcessor {
  return {
    name: "typicalP",
    process(logits) {
      const probabilities = softmax(logits);
      const entropy = entropyOf(probabilities);
      const distances = probabilities.map((p) => Math.abs(-Math.log(p) - entropy));
      const nearest = [...logits.keys()].sort((a, b) => distances[a]! - distances[b]! || a - b);
      let sum = 0;
      const last = nearest.find((id) => {
        sum += probabilities[id]!;
        return sum >= mass;
      });
      const furthest = distances[last ?? nearest.at(-1)!]!;
      drop(logits, (id) => distances[id]! <= furthest || id === nearest[0]);
    },
  };
}

/** Drops tokens less likely than ε (Hewitt et al. 2022, https://arxiv.org/abs/2210.15191). */
export function epsilonProcessor(epsilon: number): LogitsProcessor {
  return { name: "epsilonCutoff", process: (logits) => keepAbove(logits, softmax(logits), epsilon) };
}

/** Drops tokens less likely than min(ε, √ε · exp(−entropy)) (eta sampling, Hewitt et al. 2022, as above). */
export function etaProcessor(epsilon: number): LogitsProcessor {
  return {
    name: "etaCutoff",
    process(logits) {
      const probabilities = softmax(logits);
      keepAbove(logits, probabilities, Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropyOf(probabilities))));
    },
  };
}

/** Number of tokens that top-H considers, as in transformers. */
const TOP_H_TOKENS = 100;

/**
 * Keeps the likeliest tokens while their entropy is within a share of that of all (top-H decoding, Potraghloo et al. 2025,
 * https://arxiv.org/abs/2509.02510). It considers the 100 likeliest.
 */
export function topHProcessor(share: number): LogitsProcessor {
  return {
    name: "topH",
    process(logits) {
      const descending = largestIds(logits, Math.min(TOP_H_TOKENS, logits.length));
      const probabilities = softmax(Float32Array.from(descending, (id) => logits[id]!));
      const limit = share * entropyOf(probabilities);
      let entropy = 0;
      const kept = descending.filter((_, i) => {
        const p = probabilities[i]!;
        entropy -= p > 0 ? p * Math.log(p) : 0;
        return i === 0 || entropy <= limit;
      });
      const keeps = new Set(kept);
      drop(logits, (id) => keeps.has(id));
    },
  };
}

/** Keeps tokens at least as likely as a threshold, and the likeliest. */
function keepAbove(logits: Float32Array, probabilities: Float64Array, threshold: number): void {
  const largest = largestOf(probabilities);
  drop(logits, (id) => probabilities[id]! >= threshold || probabilities[id] === largest);
}

/** Returns the entropy, in nats. */
function entropyOf(probabilities: Float64Array): number {
  return probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

function largestOf(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, value), 0);
}

/** Up to this many values, insertion into a sorted list is faster than sorting all. */
const FEW = 256;

/** Returns the k-th largest value. k is usually small: one comparison rejects most values. */
function kthLargest(values: Float32Array, k: number): number {
  if (k > FEW) return values.slice().sort()[values.length - k]!;
  const largest = new Float32Array(k).fill(-Infinity);
  for (const value of values) {
    if (value <= largest[k - 1]!) continue;
    let place = k - 1;
    while (place > 0 && largest[place - 1]! < value) {
      largest[place] = largest[place - 1]!;
      place--;
    }
    largest[place] = value;
  }
  return largest[k - 1]!;
}
