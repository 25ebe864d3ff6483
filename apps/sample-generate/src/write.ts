/** Generates text and measures times. */

import type { Interrupt } from "@mixtape/command-line";
import type { GeneratedToken, TokenLogprobs } from "@mixtape/generation";
import { type FinishReason, type ForCausalLM, generateTokens, streamText, type TextOptions } from "@mixtape/mixtape";
import type { Tokenizer } from "@mixtape/tokenizer";

/** The text and its times. */
export interface Written {
  readonly ids: readonly number[];
  /** Null without a tokenizer. */
  readonly text: string | null;
  readonly finishReason: FinishReason | "interrupted";
  /** Stop string that ended the text. */
  readonly stopReason: string | undefined;
  /** Log-probabilities of the new tokens, if options ask for them. */
  readonly logprobs: readonly TokenLogprobs[] | undefined;
  /** Log-probabilities of the prompt's tokens, if options ask for them. */
  readonly promptLogprobs: readonly (TokenLogprobs | null)[] | undefined;
  /** With a cache: number of prompt tokens that it had. */
  readonly cachedTokens: number | undefined;
  /** Time until the first new token. */
  readonly prefillMs: number;
  /** Time from the first new token to the last. */
  readonly decodeMs: number;
}

/**
 * Continues a prompt until it ends or Ctrl-C is pressed.
 * @param show called with the text as it is generated
 */
export async function write(
  model: ForCausalLM,
  tokenizer: Tokenizer | null,
  promptIds: readonly number[],
  options: TextOptions,
  interrupt: Interrupt,
  show: (text: string) => void,
): Promise<Written> {
  const { stop, ...tokenOptions } = options;
  // Stopping, unlike aborting, still returns the text that was held back for a character or a stop string.
  const interrupted = { name: "interrupted", stop: () => interrupt.came };
  const own = { ...tokenOptions, stoppingCriteria: [interrupted] };
  const ids: number[] = [];
  const logprobs: TokenLogprobs[] = [];
  let text = "";
  let cachedTokens: number | undefined;
  let finishReason: Written["finishReason"] = "length";
  let stopReason: string | undefined;
  let promptLogprobs: Written["promptLogprobs"];
  const begin = performance.now();
  let first = begin;
  let last = begin;
  const pieces = tokenizer
    ? streamText(model, tokenizer, promptIds, { ...own, stop })
    : withText(generateTokens(model, [promptIds], own));
  for await (const piece of pieces) {
    last = performance.now();
    if (ids.length === 0) first = last;
    ids.push(piece.id);
    text += piece.text;
    show(piece.text);
    cachedTokens ??= piece.cachedTokens;
    if (piece.logprobs) logprobs.push(piece.logprobs);
    promptLogprobs ??= piece.promptLogprobs;
    if (piece.finishReason) finishReason = interrupt.came ? "interrupted" : piece.finishReason;
    if (!interrupt.came) stopReason = piece.stopReason;
  }
  const times = { prefillMs: first - begin, decodeMs: last - first };
  return {
    ids,
    text: tokenizer && text,
    finishReason,
    stopReason,
    logprobs: logprobs.length > 0 ? logprobs : undefined,
    promptLogprobs,
    cachedTokens,
    ...times,
  };
}

/** Without a tokenizer, the ids are the text. */
async function* withText(
  tokens: ReturnType<typeof generateTokens>,
): AsyncGenerator<GeneratedToken & { readonly text: string }> {
  let separator = "";
  for await (const token of tokens) {
    yield { ...token, text: separator + token.id };
    separator = " ";
  }
}
