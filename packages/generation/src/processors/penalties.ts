/** Processors that move logits up or down: penalties and biases. */
import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";
import type { LogitsProcessor } from "./logits-processor.js";

/**
 * Makes tokens that have occurred less likely, once each (Keskar et al. 2019, https://arxiv.org/abs/1909.05858).
 * @param penalty above 0; 1 changes nothing
 */
export function repetitionPenaltyProcessor(penalty: number): LogitsProcessor {
  return (logits, ids) => {
    for (const id of new Set(ids)) logits[id] = logits[id]! < 0 ? logits[id]! * penalty : logits[id]! / penalty;
  };
}

/** Adds a bias to the last token of each sequence where the tokens before have just come. */
export function sequenceBiasProcessor(biases: readonly (readonly [readonly number[], number])[]): LogitsProcessor {
  return (logits, ids) => {
    for (const [sequence, bias] of biases) {
      const last = sequence.at(-1)!;
      if (last < logits.length && endsWith(ids, sequence.slice(0, -1))) logits[last]! += bias;
    }
  };
}

/** Never completes any of the sequences; an end token alone is let pass. */
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
  return sequenceBiasProcessor(banned.map((sequence) => [sequence, -Infinity]));
}

/**
 * Makes end tokens likelier the longer a text is: from `start` new tokens on, the logit's absolute value times
 * factorⁿ − 1 is added after n more.
 */
export function exponentialDecayLengthPenaltyProcessor(
  penalty: readonly [start: number, factor: number],
  eosTokenIds: ReadonlySet<number>,
  promptLength: number,
): LogitsProcessor {
  const where = "exponentialDecayLengthPenaltyProcessor";
  if (!Array.isArray(penalty) || penalty.length !== 2)
    throw new GenerationError({ where, expected: "[start, factor]", got: kindOf(penalty) });
  checkEnds(where, eosTokenIds);
  const [start, factor] = penalty as readonly [number, number];
  return (logits, ids) => {
    const beyond = ids.length - promptLength - start;
    if (beyond <= 0) return;
    const growth = Math.fround(factor ** beyond - 1);
    for (const id of eosTokenIds) {
      // In float32, as in the reference: where a negative logit is nearly lifted to 0, the last bits of the product show.
      if (id >= 0 && id < logits.length) logits[id]! += Math.fround(Math.abs(logits[id]!) * growth);
    }
  };
}

/**
 * Below 1 the likely become likelier, above 1 all become more alike.
 * @param temperature above 0. Where logits divided by it leave float32, they are counted from the largest one, which leaves
 * their probabilities as they are: so the smallest temperatures take the likeliest token.
 */
export function temperatureProcessor(temperature: number): LogitsProcessor {
  return (logits) => {
    let largest = -Infinity;
    for (const logit of logits) if (logit > largest) largest = logit;
    const zero = Number.isFinite(Math.fround(largest / temperature)) ? 0 : largest;
    for (let i = 0; i < logits.length; i++) logits[i] = (logits[i]! - zero) / temperature;
  };
}

function endsWith(ids: readonly number[], end: readonly number[]): boolean {
  const from = ids.length - end.length;
  return from >= 0 && end.every((id, i) => ids[from + i] === id);
}

/** @throws {GenerationError} for what is no set of ids */
function checkEnds(where: string, eosTokenIds: unknown): void {
  if (eosTokenIds instanceof Set) return;
  throw new GenerationError({ where: `${where}: eosTokenIds`, expected: "a Set of ids", got: kindOf(eosTokenIds) });
}
