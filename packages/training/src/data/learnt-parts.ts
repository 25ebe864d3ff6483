import { type Example, IGNORED } from "../batch.js";
import { checkObject, expectThat } from "../checks.js";
import type { DataTokenizer } from "./data-tokenizer.js";

/** A part of a text, all of which is learnt or nothing. */
export interface TextPart {
  readonly text: string;
  readonly isLearnt: boolean;
}

/**
 * Returns a text as it is learnt, in parts: to look at data before a run.
 *
 * A character of several tokens belongs to the part in which it ends.
 * @throws {TrainingError} for what is no example or no tokenizer
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
    // The first token is predicted by nothing.
    const isLearnt = end > 1 && labels[end - 1] !== IGNORED;
    if (end < inputIds.length && isLearnt === (labels[end] !== IGNORED)) continue;
    // A token's text depends on those before it: of some tokenizers the first loses its space.
    const text = tokenizer.decode(inputIds.slice(0, end));
    const whole = end === inputIds.length ? text : text.replace(/\uFFFD+$/, "");
    const own = whole.slice(shown);
    if (own !== "") parts.push({ text: own, isLearnt });
    shown = Math.max(shown, whole.length);
  }
  return parts;
}
