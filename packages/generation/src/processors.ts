/**
 * What is done to the logits of the next token before one is chosen. Each processor changes a row of logits in place; a token
 * that it rules out gets −∞. Names, formulas and order are those of transformers' `generation/logits_process`.
 */
import type { Settings } from "./options.js";

/** Changes the logits of a row before a token is chosen. @param logits `[V]`, changed in place @param ids the row's tokens so far, the prompt's included */
export type LogitsProcessor = (logits: Float32Array, ids: readonly number[]) => void;

/** The processors that the settings ask for, in the order in which they apply. */
export function processorsOf(settings: Settings): LogitsProcessor[] {
  const { repetitionPenalty, doSample, temperature, topK, topP, minP } = settings;
  const list: LogitsProcessor[] = [];
  if (repetitionPenalty !== 1) list.push(repetitionPenaltyProcessor(repetitionPenalty));
  if (!doSample) return list;
  if (temperature !== 1) list.push(temperatureProcessor(temperature));
  if (topK > 0) list.push(topKProcessor(topK));
  if (topP < 1) list.push(topPProcessor(topP));
  if (minP > 0) list.push(minPProcessor(minP));
  return list;
}

/** Makes tokens that have occurred less likely, once each (Keskar et al. 2019, https://arxiv.org/abs/1909.05858). */
export function repetitionPenaltyProcessor(penalty: number): LogitsProcessor {
  return (logits, ids) => {
    for (const id of new Set(ids)) logits[id] = logits[id]! < 0 ? logits[id]! * penalty : logits[id]! / penalty;
  };
}

/** Below 1 the likely become likelier, above 1 all become more alike. */
export function temperatureProcessor(temperature: number): LogitsProcessor {
  return (logits) => {
    for (let i = 0; i < logits.length; i++) logits[i]! /= temperature;
  };
}

/** Keeps the k largest logits, and those equal to the k-th (Fan et al. 2018, https://arxiv.org/abs/1805.04833). */
export function topKProcessor(k: number): LogitsProcessor {
  return (logits) => {
    if (k >= logits.length) return;
    const least = kthLargest(logits, k);
    for (let i = 0; i < logits.length; i++) if (logits[i]! < least) logits[i] = -Infinity;
  };
}

/**
 * Keeps the likeliest tokens that together reach probability p, at least one (nucleus sampling, Holtzman et al. 2019,
 * https://arxiv.org/abs/1904.09751).
 */
export function topPProcessor(p: number): LogitsProcessor {
  return (logits) => {
    const probabilities = softmax(logits);
    const ascending = [...logits.keys()]
      .filter((i) => logits[i] !== -Infinity)
      .sort((a, b) => logits[a]! - logits[b]! || b - a);
    let below = 0;
    for (const i of ascending.slice(0, -1)) {
      below += probabilities[i]!;
      if (below > 1 - p) return;
      logits[i] = -Infinity;
    }
  };
}

/** Drops tokens less likely than a share of the likeliest (Nguyen et al. 2024, https://arxiv.org/abs/2407.01082). */
export function minPProcessor(share: number): LogitsProcessor {
  return (logits) => {
    const probabilities = softmax(logits);
    const least = share * probabilities.reduce((max, p) => Math.max(max, p), 0);
    for (let i = 0; i < logits.length; i++) if (probabilities[i]! < least) logits[i] = -Infinity;
  };
}

/** Probabilities of logits, in float64. */
export function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((m, x) => Math.max(m, x), -Infinity);
  const exps = Float64Array.from(logits, (x) => Math.exp(x - max));
  const sum = exps.reduce((s, x) => s + x, 0);
  return exps.map((x) => x / sum);
}

/** The k-th largest value. Few of many are asked for: they are kept sorted, and most values are turned away by one look. */
function kthLargest(values: Float32Array, k: number): number {
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
