import { contextLength, type DecoderConfig } from "@mixtape/config";
import { GenerationError } from "./generation-error.js";

/** Prompts as one batch. Shorter ones are padded on the left, so that all end at the same position. */
export interface PromptBatch {
  /** `[B, L]` */
  readonly inputIds: number[][];
  /** `[B, L]`, 1 for a token and 0 for padding; absent if no row is padded. */
  readonly attentionMask?: number[][];
  /** `[B, L]`, counted from each row's first token, 0 at padding; absent if no row is padded. */
  readonly positionIds?: number[][];
}

/**
 * Pads prompts on the left to one batch.
 * @param pad the padding token, which is masked
 * @param from source of `pad`, for errors
 * @throws {GenerationError} if there is no prompt, one is empty or longer than the model's context, or a row is padded with an id
 * outside the vocabulary
 */
export function padPrompts(
  prompts: readonly (readonly number[])[],
  config: DecoderConfig,
  pad: number,
  from = "padTokenId",
): PromptBatch {
  checkPrompts(prompts);
  checkConfig("padPrompts", config);
  if (prompts.length === 0) throw new GenerationError({ where: "prompts", expected: "at least one", got: "none" });
  const limit = contextLimit(config);
  for (const [row, { length }] of prompts.entries()) {
    const where = prompts.length === 1 ? "prompt" : `prompts[${row}]`;
    if (length === 0) throw new GenerationError({ where, expected: "at least one token", got: "none" });
    if (length >= limit)
      throw new GenerationError({
        where,
        expected: `fewer tokens than the model's context, ${limit}`,
        got: `${length}`,
        fix: "Shorten it. The context is max_position_embeddings in config.json, or as far as rope_parameters there stretches it",
      });
  }
  const longest = Math.max(...prompts.map(({ length }) => length));
  const padded = <T>(fill: T, row: (prompt: readonly number[]) => readonly T[]): T[][] =>
    prompts.map((prompt) => [...new Array<T>(longest - prompt.length).fill(fill), ...row(prompt)]);
  const inputIds = padded(pad, (prompt) => prompt);
  if (prompts.every(({ length }) => length === longest)) return { inputIds };
  if (!Number.isInteger(pad) || pad < 0 || pad >= config.vocabSize)
    throw new GenerationError({
      where: from,
      expected: `a token id below ${config.vocabSize}, as prompts of unequal length are padded`,
      got: `${pad}`,
      fix: { option: "padTokenId", text: (option) => `Set ${option}: any token will do, since it is masked` },
    });
  return {
    inputIds,
    attentionMask: padded(0, (prompt) => prompt.map(() => 1)),
    positionIds: padded(0, (prompt) => prompt.map((_, i) => i)),
  };
}

/**
 * Returns the maximum length of prompt and text together: the context that the config and its RoPE scaling give.
 * @throws {GenerationError} for anything else than a config
 */
export function contextLimit(config: DecoderConfig): number {
  checkConfig("contextLimit", config);
  return contextLength(config);
}

/** @throws {GenerationError} for anything else than a model's config */
function checkConfig(where: string, config: unknown): void {
  const { maxPositionEmbeddings } = (config ?? {}) as Partial<DecoderConfig>;
  if (typeof maxPositionEmbeddings === "number") return;
  throw new GenerationError({ where, expected: "a model's config, such as model.config", got: kindOf(config) });
}

/** @throws {GenerationError} for anything else than a list of lists, which JavaScript would accept */
export function checkPrompts(prompts: unknown): void {
  if (Array.isArray(prompts) && prompts.every(Array.isArray)) return;
  throw new GenerationError({
    where: "prompts",
    expected: "a list of prompts, each a list of ids",
    got: Array.isArray(prompts)
      ? `a list with ${kindOf(prompts.find((one) => !Array.isArray(one)))} in it`
      : kindOf(prompts),
    fix: "A single prompt goes into a list too: [[1, 2, 3]]. Text goes to generateText or streamText",
  });
}

/** Describes a value in an error. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return `${value}`;
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return named(value.constructor.name);
  return typeof value === "number" ? `the number ${value}` : `a value of type ${typeof value}`;
}

function named(type: string): string {
  return `${/^[AEIOU]/.test(type) ? "an" : "a"} ${type}`;
}
