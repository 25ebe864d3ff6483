/** The loop that writes, and how long it took. */

import type { Interrupt } from "@mixtape/command-line";
import { type FinishReason, type ForCausalLM, generateTokens, streamText, type TextOptions } from "@mixtape/mixtape";
import type { Tokenizer } from "@mixtape/tokenizer";

/** What was written. */
export interface Written {
  readonly ids: readonly number[];
  /** Null without a tokenizer. */
  readonly text: string | null;
  readonly finishReason: FinishReason | "interrupted";
  /** Until the first new token. */
  readonly prefillMs: number;
  /** From the first new token to the last. */
  readonly decodeMs: number;
}

/**
 * Continues a prompt until it ends or Ctrl-C comes.
 * @param show is given the text as it comes
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
  // Stopping, unlike aborting, still gives what a character or a stop string has held back.
  const own = { ...tokenOptions, stopWhen: () => interrupt.came };
  const ids: number[] = [];
  let text = "";
  let finishReason: Written["finishReason"] = "length";
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
    if (piece.finishReason) finishReason = interrupt.came ? "interrupted" : piece.finishReason;
  }
  return { ids, text: tokenizer && text, finishReason, prefillMs: first - begin, decodeMs: last - first };
}

/** Without a tokenizer, what there is to show is the ids. */
async function* withText(
  tokens: ReturnType<typeof generateTokens>,
): AsyncGenerator<{ id: number; text: string; finishReason?: FinishReason }> {
  let separator = "";
  for await (const { id, finishReason } of tokens) {
    yield { id, text: separator + id, finishReason };
    separator = " ";
  }
}
