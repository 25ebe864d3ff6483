/** Processors that raise or lower logits: penalties and biases. */
import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";
import type { LogitsProcessor } from "./logits-processor.js";

/**
 * Makes tokens that have occurred less likely, once each (Keskar et al. 2019, https://arxiv.org/abs/1909.05858).
 * @param penalty above 0; 1 is a no-op
 */
export function repetitionPenaltyProcessor(penalty: number): LogitsProcessor {
  return {
    name: "repetitionPenalty",
    process(logits, { ids }) {
      for (const id of new Set(ids)) logits[id] = logits[id]! < 0 ? logits[id]! * penalty : logits[id]! / penalty;
    },
  };
}

/** Adds a bias to the last token of each sequence if the newest tokens are those before it. */
export function sequenceBiasProcessor(biases: readonly (readonly [readonly number[], number])[]): LogitsProcessor {
  return {
    name: "sequenceBias",
    process(logits, { ids }) {
      for (const [sequence, bias] of biases) {
        const last = sequence.at(-1)!;
        if (last < logits.length && endsWith(ids, sequence.slice(0, -1))) logits[last]! += bias;
      }
    },
  };
}

/** Never completes any of the sequences. A sequence of one end token is ignored, as in transformers. */
export function noBadWordsProcessor(
  sequences: readonly (readonly number[])[],
  eosTokenIds: ReadonlySet<number>,
): LogitsProcessor {
  if (!Array.isArray(sequences) || !sequences.every(Array.isArray))
    throw new GenerationError({
      where: "noBadWordsProcessor",
      expected: "a list of sequences of ids",
      got: kindOf(sequences),
    });
  checkEnds("noBadWordsProcessor", eosTokenIds);
  const banned = sequences.filter((sequence) => sequence.length > 1 || !eosTokenIds.has(sequence[0]!));
  return { ...sequenceBiasProcessor(banned.map((sequence) => [sequence, -Infinity])), name: "badWordsIds" };
}

/**
 * Makes end tokens likelier the longer the text is: n tokens after `start` new ones, adds |logit| · (factorⁿ − 1) to their logits.
 */
export function exponentialDecayLengthPenaltyProcessor(
  penalty: readonly [start: number, factor: number],
  eosTokenIds: ReadonlySet<number>,
): LogitsProcessor {
  const where = "exponentialDecayLengthPenaltyProcessor";
  if (!Array.isArray(penalty) || penalty.length !== 2)
    throw new GenerationError({ where, expected: "[start, factor]", got: kindOf(penalty) });
  checkEnds(where, eosTokenIds);
  const [start, factor] = penalty as readonly [number, number];
  return {
    name: "exponentialDecayLengthPenalty",
    process(logits, { ids, promptLength }) {
      const beyond = ids.length - promptLength - start;
      if (beyond <= 0) return;
      const growth = Math.fround(factor ** beyond - 1);
      for (const id of eosTokenIds) {
        // In float32, as in transformers: the last bits of the product show if a negative logit is raised to nearly 0.
        if (id >= 0 && id < logits.length) logits[id]! += Math.fround(Math.abs(logits[id]!) * growth);
      }
    },
  };
}

/**
 * Divides the logits. Below 1 likely tokens become likelier, above 1 the probabilities become more alike.
 * @param temperature above 0. If the quotient leaves float32, the largest logit is subtracted first, which keeps the probabilities:
 * the smallest temperatures choose the likeliest token.
 */
export function temperatureProcessor(temperature: number): LogitsProcessor {
  return {
    name: "temperature",
    process(logits) {
      let largest = -Infinity;
      for (const logit of logits) if (logit > largest) largest = logit;
      const zero = Number.isFinite(Math.fround(largest / temperature)) ? 0 : largest;
      for (let i = 0; i < logits.length; i++) logits[i] = (logits[i]! - zero) / temperature;
    },
  };
}

function endsWith(ids: readonly number[], end: readonly number[]): boolean {
  const from = ids.length - end.length;
  return from >= 0 && end.every((id, i) => ids[from + i] === id);
}

/** @throws {GenerationError} for anything else than a set of ids */
function checkEnds(where: string, eosTokenIds: unknown): void {
  if (eosTokenIds instanceof Set) return;
  throw new GenerationError({ where: `${where}: eosTokenIds`, expected: "a Set of ids", got: kindOf(eosTokenIds) });
}
