/** Computes the tokens of a text with loss, by the masks of transformers and trl. */

import { IGNORED } from "../batch.js";
import { checkList, expectThat } from "../checks.js";
import { TrainingError } from "../errors.js";

/** A part of a text, in UTF-16 code units: `text.slice(start, end)`. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** Part of the text of a token, in UTF-16 code units. */
export type TokenOffsets = readonly [start: number, end: number];

/**
 * Returns the labels of a text of which only some tokens have a loss: the ids where every mask is true, −100 elsewhere.
 * trl combines `completion_mask` and `assistant_masks` in the same way.
 *
 * @param inputIds `[L]`
 * @param masks `[L]` each: true or 1 for a token with loss
 * @throws {TrainingError} for a mask of another length
 */
export function maskLabels(
  inputIds: readonly number[],
  ...masks: readonly (readonly (boolean | number)[])[]
): number[] {
  expectThat(Array.isArray(inputIds), "maskLabels: inputIds", "a list of token ids", inputIds);
  checkList("maskLabels: masks", "a list of true and false for each token", masks, Array.isArray);
  const wrong = masks.find(({ length }) => length !== inputIds.length);
  if (wrong)
    throw new TrainingError({
      where: "maskLabels",
      expected: `a mask of ${inputIds.length} tokens`,
      got: `${wrong.length}`,
    });
  return inputIds.map((id, i) => (masks.every((mask) => mask[i]) ? id : IGNORED));
}

/**
 * Returns the mask of the tokens in spans of a text, such as the assistant's text in a chat. A span reaches from the
 * token that contains its first character to the one that contains its last, as in `return_assistant_tokens_mask` of
 * transformers' `apply_chat_template` (`char_to_token`).
 *
 * If no token contains the first or the last character, which happens with tokenizers that skip spaces, the span begins
 * with the next token and ends with the previous one. transformers drops this span and all later ones, or continues to
 * the end of the text.
 *
 * @param offsets of each token, in order, from `encodeWithOffsets` of a tokenizer
 * @param spans parts of the same text
 */
export function assistantMask(offsets: readonly TokenOffsets[], spans: readonly TextSpan[]): boolean[] {
  checkList("assistantMask: offsets", "[start, end] of each token", offsets, Array.isArray);
  checkList("assistantMask: spans", "spans of the text: { start, end }", spans, isSpan);
  const mask = offsets.map(() => false);
  for (const { start, end } of spans) {
    if (end <= start) continue;
    const first = tokenAt(offsets, start) ?? offsets.findIndex((token) => token[0] >= start);
    const last = tokenAt(offsets, end - 1) ?? offsets.findLastIndex(([from, to]) => to > from && to <= end);
    if (first !== -1) mask.fill(true, first, Math.max(first, last + 1));
  }
  return mask;
}

/** Returns the first token that contains a character: one character may be several tokens. */
function tokenAt(offsets: readonly TokenOffsets[], character: number): number | undefined {
  const index = offsets.findIndex(([start, end]) => start <= character && character < end);
  return index === -1 ? undefined : index;
}

/** Tokens of a prompt and its completion, distinguished. */
export interface CompletionMask {
  /** `[L]`, true for the tokens of the completion. */
  readonly mask: readonly boolean[];
  /** Number of tokens of the prompt alone that are not a prefix of the whole: usually 0. */
  readonly lost: number;
}

/**
 * Returns the mask of the completion's tokens in a prompt with its completion: those from where the whole differs from
 * the prompt alone, as in trl. A token that spans the border belongs to the completion.
 *
 * @param promptIds the prompt alone
 * @param inputIds prompt and completion, as one text
 */
export function completionMask(promptIds: readonly number[], inputIds: readonly number[]): CompletionMask {
  expectThat(Array.isArray(promptIds), "completionMask: promptIds", "a list of token ids", promptIds);
  expectThat(Array.isArray(inputIds), "completionMask: inputIds", "a list of token ids", inputIds);
  let common = 0;
  while (common < promptIds.length && promptIds[common] === inputIds[common]) common++;
  return { mask: inputIds.map((_, i) => i >= common), lost: promptIds.length - common };
}

function isSpan(value: unknown): boolean {
  const { start, end } = (value ?? {}) as Partial<TextSpan>;
  return typeof start === "number" && typeof end === "number";
}
