import { DecoderError, type ForCausalLM } from "@mixtape/decoder";
import type { Cache } from "@mixtape/layers";
import { GenerationError } from "./generation-error.js";
import type { PromptBatch } from "./prompts.js";

/** Parts of prompts that remain to be computed. */
export interface Remaining {
  readonly batch: PromptBatch;
  /** Tokens of each prompt that the cache has. */
  readonly cachedTokens: readonly number[];
}

/** Caches that a generation is writing to. */
const inUse = new WeakSet<Cache>();

/**
 * Runs a generation that goes on from a cache of the caller's, which nobody else may use meanwhile.
 * @throws {GenerationError} where another generation does
 */
export async function* usingCache<T>(
  cache: Cache,
  run: () => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  if (inUse.has(cache))
    throw new GenerationError({
      where: "cache",
      expected: "a cache that no other generation is using",
      got: "one in use",
      fix: "Finish the other generation first, or give this one a copy: cache.copy()",
    });
  inUse.add(cache);
  try {
    yield* run();
  } finally {
    inUse.delete(cache);
  }
}

/**
 * Checks what the model would refuse, before {@link takeUp} changes the cache.
 * @throws {DecoderError} for a cache of another model, and for ids outside the vocabulary
 */
export function checkKept(model: ForCausalLM, cache: Cache, prompts: readonly (readonly number[])[]): void {
  if (model.createCache().layouts.join() !== cache.layouts.join())
    throw new DecoderError({
      where: "cache",
      expected: "a cache from this model's createCache",
      got: `a cache for ${cache.layers.length} layers, with ${cache.layouts.join("; ")}`,
    });
  const { vocabSize } = model.config;
  for (const [row, prompt] of prompts.entries()) {
    const outside = prompt.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (outside >= 0)
      throw new DecoderError({
        where: `prompts[${row}][${outside}]`,
        expected: `a token id from 0 to ${vocabSize - 1}`,
        got: `${prompt[outside]}`,
        fix: "The tokenizer may belong to another model",
      });
  }
}

/**
 * Truncates a cache to what it has in common with the prompts, and returns the batch of tokens that are left to compute: at least
 * the last one of each prompt, since its logits are needed. All rows compute equally many tokens, so that they end together; a
 * shorter prompt is padded on the left. A cache of one row serves any number of prompts, as their common prefix.
 * @param padTokenId the id of padding
 * @throws {GenerationError} where the cache has other rows
 */
export function takeUp(cache: Cache, prompts: readonly (readonly number[])[], padTokenId: number): Remaining {
  if (cache.rows === 1 && prompts.length > 1) cache.reorder(new Array<number>(prompts.length).fill(0));
  if (cache.rows > 0 && cache.rows !== prompts.length)
    throw new GenerationError({
      where: "cache",
      expected: `a cache of ${prompts.length} rows, as there are prompts, or of one`,
      got: `${cache.rows}`,
      fix: "Reorder it to the rows that go on, or start a new one: model.createCache()",
    });
  const count = Math.max(
    ...prompts.map((prompt, row) => prompt.length - sharedLength(cache.rows === 0 ? [] : cache.tokens(row), prompt)),
  );
  const kept = prompts.map(({ length }) => Math.max(0, length - count));
  if (cache.length > 0) {
    // Sliding windows and recurrences cannot always be truncated: then all is computed anew.
    if (!cache.canTruncate(kept)) {
      cache.dispose();
      return takeUp(cache, prompts, padTokenId);
    }
    cache.truncate(kept);
  }
  return { batch: batchOf(cache, prompts, kept, count, padTokenId), cachedTokens: kept };
}

function batchOf(
  cache: Cache,
  prompts: readonly (readonly number[])[],
  kept: readonly number[],
  count: number,
  padTokenId: number,
): PromptBatch {
  const pads = prompts.map(({ length }, row) => count - (length - kept[row]!));
  const columns = <T>(row: number, fill: T, rest: (from: number) => readonly T[]): T[] => [
    ...new Array<T>(pads[row]!).fill(fill),
    ...rest(kept[row]!),
  ];
  const inputIds = prompts.map((prompt, row) => columns(row, padTokenId, (from) => prompt.slice(from)));
  if (pads.every((pad) => pad === 0)) return { inputIds };
  const { length, padding } = cache;
  const past = (row: number): number[] =>
    padding ? [...padding.values.subarray(row * length, (row + 1) * length)] : new Array<number>(length).fill(1);
  return {
    inputIds,
    attentionMask: prompts.map((prompt, row) => [
      ...past(row),
      ...columns(row, 0, (from) => prompt.slice(from).map(() => 1)),
    ]),
    positionIds: prompts.map((prompt, row) => {
      const first = cache.nextPositions[row] ?? 0;
      return columns(row, 0, (from) => prompt.slice(from).map((_, i) => first + i));
    }),
  };
}

/**
 * Remembers what a step of the generation has left in a cache, and returns a check that it is still there.
 * @throws {GenerationError} from the check, if somebody else has changed the cache's length or rows
 */
export function unchangedSince(cache: Cache): () => void {
  const { length, rows } = cache;
  return () => {
    if (cache.length === length && cache.rows === rows) return;
    throw new GenerationError({
      where: "cache",
      expected: `the ${length} positions of ${rows} rows that the generation has left in it`,
      got: `${cache.length} of ${cache.rows}`,
      fix: "Truncate, reorder or dispose a cache after its generation has ended, or use a copy: cache.copy()",
    });
  };
}

/**
 * Empties a cache that somebody has changed while a pass was writing to it: its layers do not agree any more.
 * @throws as `check`
 */
export function disposeIfChanged(cache: Cache, check: () => void): void {
  try {
    check();
  } catch (error) {
    cache.dispose();
    throw error;
  }
}

/** Takes back a pass that did not end: a caller's cache is as before, or empty where a layer cannot go back. */
export function undoPass(cache: Cache, length: number): void {
  if (cache.length === length) return;
  if (cache.length > length && cache.canTruncate(length)) cache.truncate(length);
  else cache.dispose();
}

/** Returns the number of tokens of a prompt in a row of the cache, without the last one. */
function sharedLength(tokens: readonly (number | null)[], prompt: readonly number[]): number {
  const differs = prompt.findIndex((id, i) => tokens[i] !== id);
  return Math.min(differs < 0 ? prompt.length : differs, prompt.length - 1);
}
