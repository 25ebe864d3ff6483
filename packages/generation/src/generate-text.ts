import { type GenerationConfig, generationConfigIssues } from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import type { Tokenizer } from "@mixtape/tokenizer";
import { generateRows } from "./generate-tokens.js";
import { GenerationError } from "./generation-error.js";
import type { TokenLogprobs } from "./logprobs.js";
import type { TextOptions } from "./options/generation-options.js";
import { checkModel, checkTextOptions } from "./options/resolve-options.js";
import { wayOut } from "./options/unusable-values.js";
import { kindOf } from "./prompts.js";
import type { FinishReason, GeneratedToken } from "./rows/generation-row.js";
import { checkStops } from "./stopping/stop-strings.js";
import { RowWriter } from "./text/row-writer.js";
import { tokenBytes } from "./text/token-bytes.js";

/** A prompt: text, or token ids. */
export type Prompt = string | readonly number[];

/** A new token, and the text that it completes: none while a character or a stop string is incomplete. */
export interface TextPiece extends GeneratedToken {
  /** Text that follows the text of the pieces before. */
  readonly text: string;
}

/** The text that continues one prompt. */
export interface GeneratedText {
  /** The prompt's tokens, special ones included. */
  readonly promptIds: readonly number[];
  /** The new tokens, the end token included. */
  readonly ids: readonly number[];
  /** Text of the new tokens, without special tokens and without the stop string that ended it. */
  readonly text: string;
  /** Reason for the end. */
  readonly finishReason: FinishReason;
  /** Given if `finishReason` is `stop`: the stop string, or the name of the stopping criterion. */
  readonly stopReason?: string;
  /** Log-probabilities of the new tokens, if `logprobs` asks for them. */
  readonly logprobs?: readonly TokenLogprobs[];
  /** Log-probabilities of the prompt's tokens, null for the first, if `promptLogprobs` asks for them. */
  readonly promptLogprobs?: readonly (TokenLogprobs | null)[];
  /** With a `cache`: prompt tokens that it had, and that were not computed again. */
  readonly cachedTokens?: number;
}

/**
 * Continues prompts and streams the text, row by row in each step. Special tokens are not part of the text.
 *
 * ```ts
 * for await (const { text } of streamText(model, tokenizer, "It was", { maxNewTokens: 40 })) process.stdout.write(text);
 * ```
 *
 * @throws {OptionError} for an unknown option
 * @throws {GenerationError} for empty or too long prompts, options out of range, tokens that the model does not have, and a
 * processor, sampler or stopping criterion that fails
 */
export async function* streamText(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompts: Prompt | readonly Prompt[],
  options: TextOptions = {},
): AsyncGenerator<TextPiece, void, undefined> {
  checkTextOptions("streamText", options);
  yield* streamRows(model, tokenizer, encodePrompts(tokenizer, isPrompt(prompts) ? [prompts] : prompts), options);
}

async function* streamRows(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  promptIds: readonly (readonly number[])[],
  { stop, ...options }: TextOptions,
): AsyncGenerator<TextPiece, void, undefined> {
  checkModel(model);
  for (const [row, own] of promptIds.entries())
    checkIds(model, tokenizer, own, promptIds.length > 1 ? `prompts[${row}]` : "prompt");
  const stops = stopsOf(stop, options.defaults ?? model.generationConfig);
  const bytesOf = tokenBytes(tokenizer);
  const writers = promptIds.map((own) => new RowWriter(tokenizer, bytesOf, stops, own));
  for await (const token of generateRows(model, promptIds, options, writers))
    yield { ...token, text: writers[token.row]!.take(token.finishReason !== undefined) };
}

/**
 * Returns the strings that end a text: the call's, else those of the generation config.
 * @throws {GenerationError} for strings of the generation config that cannot be used, naming the file and the key
 */
function stopsOf(stop: TextOptions["stop"], defaults: GenerationConfig): readonly string[] {
  const stops = [stop ?? defaults.stopStrings ?? []].flat();
  checkStops(stops);
  const { file, issues } = generationConfigIssues(defaults) ?? { file: "", issues: [] };
  const fault = issues.find(({ field }) => field === "stopStrings");
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
  checkTextOptions("generateText", options);
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
  checkTextOptions("generateTexts", options);
  return writeTexts(model, tokenizer, prompts, options);
}

async function writeTexts(
  model: ForCausalLM,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  options: TextOptions,
): Promise<GeneratedText[]> {
  const promptIds = encodePrompts(tokenizer, prompts);
  const rows = promptIds.map((own) => ({ promptIds: own, pieces: [] as TextPiece[] }));
  for await (const piece of streamRows(model, tokenizer, promptIds, options)) rows[piece.row]!.pieces.push(piece);
  return rows.map(({ promptIds, pieces }) => {
    const { finishReason = "length", stopReason } = pieces.at(-1)!;
    const [{ cachedTokens, promptLogprobs, logprobs: first }] = pieces as [TextPiece];
    return {
      promptIds,
      ids: pieces.map(({ id }) => id),
      text: pieces.map(({ text }) => text).join(""),
      finishReason,
      ...(stopReason !== undefined && { stopReason }),
      ...(cachedTokens !== undefined && { cachedTokens }),
      ...(promptLogprobs && { promptLogprobs }),
      ...(first && { logprobs: pieces.map(({ logprobs }) => logprobs!) }),
    };
  });
}

/** Encodes prompts. A text gets the special tokens that the tokenizer adds. */
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

/** Returns true for one prompt, false for a list of prompts. An empty list is an empty prompt. */
function isPrompt(prompts: Prompt | readonly Prompt[]): prompts is Prompt {
  return typeof prompts === "string" || (Array.isArray(prompts) && prompts.every((item) => typeof item === "number"));
}

/**
 * Checks that the model has every token of a prompt. A tokenizer may have more tokens, such as a padding token that was added later.
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
