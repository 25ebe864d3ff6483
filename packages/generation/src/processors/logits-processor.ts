import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";

/**
 * Changes the logits of a row before a token is chosen; a token that it rules out gets −∞.
 * @param logits `[V]`, changed in place
 * @param ids the row's tokens so far, the prompt's included
 */
export type LogitsProcessor = (logits: Float32Array, ids: readonly number[]) => void;

/** @throws {GenerationError} for what are no logits */
export function checkLogits(where: string, logits: unknown): void {
  if (logits instanceof Float32Array || logits instanceof Float64Array || Array.isArray(logits)) return;
  throw new GenerationError({ where, expected: "logits, a Float32Array", got: kindOf(logits) });
}

/**
 * Probabilities of logits, in float64.
 * @throws {GenerationError} for what are no logits
 */
export function softmax(logits: Float32Array): Float64Array {
  checkLogits("softmax", logits);
  const max = logits.reduce((m, x) => Math.max(m, x), -Infinity);
  const exps = Float64Array.from(logits, (x) => Math.exp(x - max));
  const sum = exps.reduce((s, x) => s + x, 0);
  return exps.map((x) => x / sum);
}

/** Rules out tokens of which `keeps` is false. */
export function drop(logits: Float32Array, keeps: (id: number) => boolean): void {
  for (let id = 0; id < logits.length; id++) if (!keeps(id)) logits[id] = -Infinity;
}

/** Rules out tokens by their ids; those that the vocabulary does not have are passed over. */
export function ban(logits: Float32Array, ids: Iterable<number>): void {
  for (const id of ids) if (id >= 0 && id < logits.length) logits[id] = -Infinity;
}
