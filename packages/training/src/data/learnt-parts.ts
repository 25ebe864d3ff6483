import { type Example, IGNORED } from "../batch.js";
import { checkObject, expectThat } from "../checks.js";
import type { DataTokenizer } from "./data-tokenizer.js";

/** A part of a text, with or without loss. */
export interface TextPart {
  readonly text: string;
  readonly isLearnt: boolean;
}

/**
 * Splits a text into parts with and without loss, to inspect data before a run.
 *
 * A character of several tokens belongs to the part in which it ends.
 * @throws {TrainingError} if it is not an example or a tokenizer
 */
export function learntParts(example: Example, tokenizer: Pick<DataTokenizer, "decode">): TextPart[] {
  checkObject("learntParts", "an example", example);
  const { inputIds, labels = inputIds } = example;
  expectThat(Array.isArray(inputIds), "learntParts: inputIds", "a list of token ids", inputIds);
  expectThat(Array.isArray(labels), "learntParts: labels", "a list of labels", labels);
  checkObject("learntParts: tokenizer", "a tokenizer, as loadTokenizer gives one", tokenizer);
  expectThat(typeof tokenizer.decode === "function", "learntParts: tokenizer", "a tokenizer that decodes", tokenizer);
  const parts: TextPart[] = [];
  let shown = 0;
  for (let end = 1; end <= inputIds.length; end++) {
    // The first token is not predicted.
    const isLearnt = end > 1 && labels[end - 1] !== IGNORED;
    if (end < inputIds.length && isLearnt === (labels[end] !== IGNORED)) continue;
    // A token's text depends on the previous ones: some tokenizers strip the first token's space.
    const text = tokenizer.decode(inputIds.slice(0, end));
    const whole = end === inputIds.length ? text : text.replace(/\uFFFD+$/, "");
    const own = whole.slice(shown);
    if (own !== "") parts.push({ text: own, isLearnt });
    shown = Math.max(shown, whole.length);
  }
  return parts;
}
