/** What becomes of texts that are longer than a row. */

import { type Example, IGNORED, labelsOf } from "../batch.js";
import { checkList, expectThat } from "../checks.js";

/** What was cut off texts because they are longer than `maxLength`. */
export interface Truncation {
  /** Texts that something was cut off. */
  readonly examples: number;
  /** Tokens that were cut off. */
  readonly tokens: number;
  /** Labels among them: tokens that would have been learnt. */
  readonly labels: number;
  /** Texts of which nothing that is learnt was left, so that they are left out. */
  readonly emptied: number;
}

/**
 * Cuts texts to rows of at most `maxLength` tokens. What is behind that goes on in more rows where `overflow` is `split`, and is
 * dropped where it is `drop`: an answer without its question teaches nothing. Rows in which nothing is learnt are left out.
 */
export function truncate(
  examples: readonly Example[],
  maxLength: number,
): { rows: readonly Required<Example>[]; truncation: Truncation } {
  checkList("truncate: examples", "examples with a list of token ids, inputIds", examples, hasIds);
  expectThat(maxLength >= 1, "truncate: maxLength", "a number of tokens, at least 1", maxLength);
  const total = { examples: 0, tokens: 0, labels: 0, emptied: 0 };
  const rows = examples.flatMap((example, i): Required<Example>[] => {
    const { inputIds, overflow = "split" } = example;
    const whole = { inputIds, labels: labelsOf(example, `examples[${i}]`), overflow };
    if (inputIds.length <= maxLength) return [whole];
    const starts = Array.from({ length: Math.ceil(inputIds.length / maxLength) }, (_, piece) => piece * maxLength);
    const pieces = starts.map((at) => ({
      inputIds: inputIds.slice(at, at + maxLength),
      labels: whole.labels.slice(at, at + maxLength),
      overflow,
    }));
    if (overflow === "split") return pieces;
    const kept = pieces[0]!;
    total.examples++;
    total.tokens += inputIds.length - maxLength;
    total.labels += whole.labels.slice(maxLength).filter((label) => label !== IGNORED).length;
    if (isLearnt(whole) && !isLearnt(kept)) total.emptied++;
    return [kept];
  });
  return { rows: rows.filter(isLearnt), truncation: total };
}

/** Whether a row has a label that counts: the first token of a row is predicted by nothing. */
function isLearnt({ labels }: Required<Example>): boolean {
  return labels.some((label, i) => i > 0 && label !== IGNORED);
}

function hasIds(example: unknown): boolean {
  return Array.isArray((example as Partial<Example> | null | undefined)?.inputIds);
}
