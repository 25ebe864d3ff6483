/** Truncation of texts that are longer than a row. */

import { type Example, IGNORED, labelsOf } from "../batch.js";
import { checkList, expectThat } from "../checks.js";

/** Counts of truncated texts, which are longer than `maxLength`. */
export interface Truncation {
  /** Number of truncated texts. */
  readonly examples: number;
  /** Number of truncated tokens. */
  readonly tokens: number;
  /** Number of truncated labels: tokens that would have had a loss. */
  readonly labels: number;
  /** Number of texts that were left out, because no token with a loss remained. */
  readonly emptied: number;
}

/**
 * Cuts texts to rows of at most `maxLength` tokens. The rest continues in more rows if `overflow` is `split`, and is
 * dropped if it is `drop`: an answer without its question teaches nothing. Rows without loss are left out.
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

/** Whether a row has a label with a loss: the first token of a row is not predicted. */
function isLearnt({ labels }: Required<Example>): boolean {
  return labels.some((label, i) => i > 0 && label !== IGNORED);
}

function hasIds(example: unknown): boolean {
  return Array.isArray((example as Partial<Example> | null | undefined)?.inputIds);
}
