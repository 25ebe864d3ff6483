import { GenerationError } from "../generation-error.js";
import { kindOf } from "../prompts.js";
import type { RowContext } from "../rows/row-context.js";

/**
 * Changes the logits of one row before a token is chosen: as transformers' `LogitsProcessor`, but for one row.
 *
 * ```ts
 * const noSeven: LogitsProcessor = {
 *   name: "no-seven",
 *   process(logits) {
 *     logits[7] = -Infinity;
 *   },
 * };
 * ```
 */
export interface LogitsProcessor {
  /** Name in errors. */
  readonly name: string;
  /**
   * Changes the logits in place, or returns new ones. A token at −∞ is ruled out.
   * @param logits `[V]`, valid during the call alone: the array is reused
   * @param row the row's tokens so far
   * @returns logits `[V]`; nothing if they were changed in place
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a processor that returns nothing is the common one
  process(logits: Float32Array, row: RowContext): Float32Array | void;
}

/** @throws {GenerationError} for anything else than logits */
export function checkLogits(where: string, logits: unknown): void {
  if (logits instanceof Float32Array || logits instanceof Float64Array || Array.isArray(logits)) return;
  throw new GenerationError({ where, expected: "logits, a Float32Array", got: kindOf(logits) });
}

/**
 * Returns the probabilities of logits, in float64.
 * @throws {GenerationError} for anything else than logits
 */
export function softmax(logits: Float32Array): Float64Array {
  checkLogits("softmax", logits);
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > max) max = logits[i]!;
  const probabilities = new Float64Array(logits.length);
  let sum = 0;
  // Plain loops, and no exp for tokens that are ruled out: a vocabulary may have 200,000 tokens.
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] === -Infinity) continue;
    probabilities[i] = Math.exp(logits[i]! - max);
    sum += probabilities[i]!;
  }
  for (let i = 0; i < logits.length; i++) probabilities[i]! /= sum;
  return probabilities;
}

/** Rules out the tokens for which `keeps` is false. */
export function drop(logits: Float32Array, keeps: (id: number) => boolean): void {
  for (let id = 0; id < logits.length; id++) if (!keeps(id)) logits[id] = -Infinity;
}

/** Rules out tokens by their ids. Ids outside the vocabulary are ignored. */
export function ban(logits: Float32Array, ids: Iterable<number>): void {
  for (const id of ids) if (id >= 0 && id < logits.length) logits[id] = -Infinity;
}
