import { type GenerationConfig, generationConfigFaults } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import type { Tokenizer } from "@mixtape/tokenizer";
import { wayOut } from "./check-options.js";
import { type FinishReason, generateTokens } from "./generate-tokens.js";
import { GenerationError } from "./generation-error.js";
import { GENERATION_OPTIONS, type GenerationOptions } from "./options.js";
import { kindOf } from "./prompts.js";
import { checkModel } from "./resolve-options.js";
import { RowWriter } from "./row-writer.js";
import { checkStops } from "./stop-strings.js";
import { tokenBytes } from "./token-bytes.js";

/** Options of text, in addition to those of tokens. */
export interface TextOptions extends GenerationOptions {
  /**
   * A string, or strings, that end the text and are no part of it. A special token's name is a string too, and one may begin at the
   * end of the prompt. Default: the model's `stop_strings`.
   */
  readonly stop?: string | readonly string[];
}

const TEXT_OPTIONS: OptionNames<TextOptions> = { ...GENERATION_OPTIONS, stop: true };

/** What a model writes from: text, or token ids. */
export type Prompt = string | readonly number[];

/** A new token, and the text that has become certain with it: none while a character or a stop string is incomplete. */
export interface TextPiece {
  /** The prompt that it continues. */
  readonly row: number;
  /** The new token's. */
  readonly id: number;
  /** What follows the text of the pieces before. */
  readonly text: string;
  /** Given with the last piece of the row. */
  readonly finishReason?: FinishReason;
}

/** All that was written for one prompt. */
export interface GeneratedText {
  /** The prompt's tokens, special ones included. */
  readonly promptIds: readonly number[];
  /** The new tokens, the end token included. */
  readonly ids: readonly number[];
  /** Without special tokens, and without the stop string that ended it. */
  readonly text: string;
  /** Reason for the end. */
  readonly finishReason: FinishReason;
}

/**
 * Continues prompts and streams the text, row by row in each step. Special tokens are not part of the text.
 *
 * ```ts
 * for await (const { text } of streamText(model, tokenizer, "It was", { maxNewTokens: 40 })) process.stdout.write(text);
 * ```
 *
 * @throws {OptionError} for an option that it does not know
 * @throws {GenerationError} for empty or too long prompts, options out of range, and tokens that the model does not have
 */
export async function* streamText(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompts: Prompt | readonly Prompt[],
  options: TextOptions = {},
): AsyncGenerator<TextPiece, void, undefined> {
  checkOptions("streamText", options, TEXT_OPTIONS);
  yield* streamRows(model, tokenizer, encodePrompts(tokenizer, isPrompt(prompts) ? [prompts] : prompts), options);
}

async function* streamRows(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  promptIds: readonly (readonly number[])[],
  { stop, ...options }: TextOptions,
): AsyncGenerator<TextPiece, void, undefined> {
  checkModel(model);
  checkOptionTypes("generateText", options, { stopWhen: "function", defaults: "object" });
  for (const [row, own] of promptIds.entries())
    checkIds(model, tokenizer, own, promptIds.length > 1 ? `prompts[${row}]` : "prompt");
  const stops = stopsOf(stop, options.defaults ?? model.generationConfig);
  const bytesOf = tokenBytes(tokenizer);
  const writers = promptIds.map((own) => new RowWriter(tokenizer, bytesOf, stops, own));
  const stopWhen = (row: number, newIds: readonly number[]): boolean =>
    writers[row]!.push(newIds.at(-1)!) || (options.stopWhen?.(row, newIds) ?? false);
  for await (const token of generateTokens(model, promptIds, { ...options, stopWhen }))
    yield { ...token, text: writers[token.row]!.take(token.finishReason !== undefined) };
}

/**
 * The strings that end a text: the call's, else those of the generation config.
 * @throws {GenerationError} for what is no string of some length; naming the file and the key where that is in a generation config
 */
function stopsOf(stop: TextOptions["stop"], defaults: GenerationConfig): readonly string[] {
  const stops = [stop ?? defaults.stopStrings ?? []].flat();
  checkStops(stops);
  const { file, faults } = generationConfigFaults(defaults) ?? { file: "", faults: [] };
  const fault = faults.find(({ field }) => field === "stopStrings");
  if (stop !== undefined || !fault) return stops;
  const { key, expected, got } = fault;
  throw new GenerationError({ where: `${file}: ${key}`, expected, got, fix: wayOut("stop", key) });
}

/**
 * Continues one prompt and returns the whole text.
 *
 * ```ts
 * const { text } = await generateText(model, tokenizer, "It was", { maxNewTokens: 40 });
 * ```
 *
 * @throws as {@link streamText}
 */
export async function generateText(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompt: Prompt,
  options: TextOptions = {},
): Promise<GeneratedText> {
  checkOptions("generateText", options, TEXT_OPTIONS);
  const [result] = await writeTexts(model, tokenizer, [prompt], options);
  return result!;
}

/** Continues several prompts as one batch. @throws as {@link streamText} */
export async function generateTexts(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  options: TextOptions = {},
): Promise<GeneratedText[]> {
  checkOptions("generateTexts", options, TEXT_OPTIONS);
  return writeTexts(model, tokenizer, prompts, options);
}

async function writeTexts(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  options: TextOptions,
): Promise<GeneratedText[]> {
  const promptIds = encodePrompts(tokenizer, prompts);
  const rows = promptIds.map((own) => ({
    promptIds: own,
    ids: [] as number[],
    text: "",
    finishReason: "length" as FinishReason,
  }));
  for await (const { row, id, text, finishReason } of streamRows(model, tokenizer, promptIds, options)) {
    const state = rows[row]!;
    state.ids.push(id);
    state.text += text;
    if (finishReason) state.finishReason = finishReason;
  }
  return rows;
}

/** The ids of prompts; a text gets the special tokens that the tokenizer adds. */
function encodePrompts(tokenizer: Tokenizer, prompts: readonly Prompt[]): (readonly number[])[] {
  if (typeof (tokenizer as Partial<Tokenizer> | undefined)?.encode !== "function")
    throw new GenerationError({
      where: "tokenizer",
      expected: "a Tokenizer, between the model and the prompt",
      got: kindOf(tokenizer),
      fix: "loadTokenizer reads that of a checkpoint; generateTokens does without",
    });
  if (!Array.isArray(prompts)) throw notPrompt(prompts);
  return prompts.map((prompt: Prompt) => {
    if (typeof prompt === "string") return tokenizer.encode(prompt);
    if (!Array.isArray(prompt)) throw notPrompt(prompt);
    const odd: unknown = prompt.find((id) => typeof id !== "number");
    if (odd !== undefined) throw notPrompt(prompt, `a list with ${kindOf(odd)} in it`);
    return prompt;
  });
}

function notPrompt(prompt: unknown, got = kindOf(prompt)): GenerationError {
  return new GenerationError({ where: "prompt", expected: "a text, or a list of token ids", got });
}

/** One prompt rather than several; an empty list is an empty prompt. */
function isPrompt(prompts: Prompt | readonly Prompt[]): prompts is Prompt {
  return typeof prompts === "string" || (Array.isArray(prompts) && prompts.every((item) => typeof item === "number"));
}

/**
 * A tokenizer may know more tokens than the model, such as a padding token that was added later: what counts is that no prompt has one.
 * @throws {GenerationError} naming the token that the model does not have
 */
function checkIds({ config }: ForCausalLM, tokenizer: Tokenizer, ids: readonly number[], where: string): void {
  const { vocabSize } = config;
  if (tokenizer.vocabSize <= vocabSize) return;
  const odd = ids.find((id) => id >= vocabSize);
  if (odd === undefined) return;
  throw new GenerationError({
    where,
    expected: `tokens of the model's vocabulary, ids below ${vocabSize}`,
    got: `${odd}, ${JSON.stringify(tokenizer.tokenOf(odd) ?? "")}`,
    fix: "The tokenizer belongs to another model, or the model's embedding was not resized for its added tokens",
  });
}
