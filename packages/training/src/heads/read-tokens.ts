import { IGNORED } from "../batch.js";
import type { DataTokenizer } from "../data/data-tokenizer.js";
import { kindOf } from "../data/kind-of.js";
import type { ByteSource } from "../data/read-lines.js";
import { DataError } from "../errors.js";
import type { TokenExample } from "./head-batches.js";
import { keyIn, LabelNames, labelList, type RawLabel } from "./labelled-rows.js";
import {
  checkLabelledArguments,
  type LabelledDataset,
  Lengths,
  labelledRows,
  type ReadLabelledOptions,
} from "./read-labelled.js";

const TOKENS = '{"tokens": […], "labels": […]}';

/**
 * Reads words with labels: rows `{ tokens, labels }`, or with `tags` or `ner_tags` instead of `labels`, where a label
 * is the name or number of a class, and −100 is ignored. Words are joined with spaces. The last token of a word gets
 * its label, since a decoder has not read the whole word before.
 * @throws {OptionError} for an unknown option
 * @throws {DataError} naming an invalid row
 */
export async function readTokenDataset(
  source: ByteSource,
  tokenizer: DataTokenizer,
  options: ReadLabelledOptions,
): Promise<LabelledDataset<TokenExample>> {
  checkLabelledArguments("readTokenDataset", tokenizer, options);
  const keys = ["labels", "tags", "ner_tags"];
  const rows: { readonly where: string; readonly words: readonly string[]; readonly labels: readonly RawLabel[] }[] =
    [];
  for await (const { where, row } of labelledRows(source, options, ["tokens", "words", ...keys], TOKENS)) {
    const key = keyIn(row, keys);
    if (key === undefined) throw new DataError({ where, expected: TOKENS, got: "no labels" });
    const words = row.tokens ?? row.words;
    if (!Array.isArray(words) || words.length === 0 || words.some((word) => typeof word !== "string" || word === ""))
      throw new DataError({ where: `${where}: tokens`, expected: "a list of words", got: kindOf(words) });
    const labels = labelList(row[key], `${where}: ${key}`);
    if (labels.length !== words.length)
      throw new DataError({ where, expected: `${words.length} labels, one for each word`, got: `${labels.length}` });
    rows.push({ where, words: words as string[], labels });
  }
  const isNone = (label: RawLabel): boolean => label === IGNORED;
  const names = new LabelNames(
    rows.flatMap(({ labels }) => labels).filter((label) => !isNone(label)),
    options.name,
    options.id2label,
  );
  const lengths = new Lengths(options);
  const examples = rows.map(({ where, words, labels }) => {
    const { ids, offsets } = tokenizer.encodeWithOffsets(words.join(" "));
    const ends = endsOf(words);
    const own = ids.map(() => IGNORED);
    for (const [i, label] of labels.entries()) {
      if (isNone(label)) continue;
      const last = offsets.findLastIndex(
        ([start, end]) => end > start && end > ends[i]! - words[i]!.length && start < ends[i]!,
      );
      if (last >= 0) own[last] = names.classOf(label, `${where}: labels[${i}]`);
    }
    const inputIds = lengths.cut(ids, where);
    return { inputIds, labels: own.slice(0, inputIds.length) };
  });
  return { examples, id2label: names.id2label, ...lengths.of(examples) };
}

/** End of each word in the text of all. */
function endsOf(words: readonly string[]): number[] {
  let at = -1;
  return words.map((word) => {
    at += word.length + 1;
    return at;
  });
}
