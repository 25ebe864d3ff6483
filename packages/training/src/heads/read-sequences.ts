import type { DataTokenizer } from "../data/data-tokenizer.js";
import type { ByteSource } from "../data/read-lines.js";
import { DataError } from "../errors.js";
import type { SequenceExample } from "./head-batches.js";
import { isFloat, keyIn, LabelNames, labelList, labelOf, type RawLabel, textOf } from "./labelled-rows.js";
import {
  checkLabelledArguments,
  type LabelledDataset,
  Lengths,
  labelledRows,
  type ReadLabelledOptions,
} from "./read-labelled.js";

/** Examples of a file of texts with labels, and the kind of their labels. */
export interface SequenceDataset extends LabelledDataset<SequenceExample> {
  readonly problemType: "regression" | "single_label_classification" | "multi_label_classification";
}

const SEQUENCE = '{"text": …, "label": …} or {"text": …, "labels": […]}';

/**
 * Reads texts with labels: rows `{ text, label }`, where a label is the name or the number of a class, or a number with
 * a decimal point for regression; or `{ text, labels }` with the names or numbers of several classes, with `0.0` and
 * `1.0` for each class, or with several numbers for regression. Names are sorted to classes.
 * @throws {OptionError} for an unknown option
 * @throws {DataError} naming an invalid row
 */
export async function readSequenceDataset(
  source: ByteSource,
  tokenizer: DataTokenizer,
  options: ReadLabelledOptions,
): Promise<SequenceDataset> {
  checkLabelledArguments("readSequenceDataset", tokenizer, options);
  const rows: LabelledRow[] = [];
  const lengths = new Lengths(options);
  for await (const { where, row } of labelledRows(source, options, ["text", "label", "labels"], SEQUENCE)) {
    const key = keyIn(row, ["label", "labels"]);
    if (key === undefined) throw new DataError({ where, expected: SEQUENCE, got: "no label" });
    const value = row[key];
    const isMany = Array.isArray(value);
    const labels = isMany ? labelList(value, `${where}: ${key}`) : [labelOf(value, `${where}: ${key}`)];
    const areFloats = labels.length > 0 && (isMany ? value : [value]).every(isFloat);
    rows.push({
      where,
      inputIds: lengths.cut(tokenizer.encode(textOf(row, "text", where)), where),
      labels,
      isMany,
      areFloats,
    });
  }
  const { warnings } = lengths.of(rows);
  const { isMany } = rows[0]!;
  const odd = rows.find((row) => row.isMany !== isMany);
  if (odd)
    throw new DataError({
      where: odd.where,
      expected: isMany ? "a list of labels, like other rows" : "one label, like other rows",
      got: isMany ? "a single label" : "a list of labels",
    });
  if (rows.some(({ areFloats }) => areFloats)) return { ...numbersOf(rows), warnings };
  const names = new LabelNames(
    rows.flatMap(({ labels }) => labels),
    options.name,
    options.id2label,
  );
  const { id2label } = names;
  const count = Object.keys(id2label).length;
  if (!isMany && count === 1 && !options.id2label)
    throw new DataError({
      where: `${options.name}: labels`,
      expected: "at least two classes",
      got: `only ${JSON.stringify(Object.values(id2label)[0])}`,
    });
  const examples = rows.map(({ where, inputIds, labels }) => {
    if (!isMany) return { inputIds, label: names.classOf(labels[0]!, `${where}: label`) };
    const flags = Array<number>(count).fill(0);
    for (const label of labels) flags[names.classOf(label, `${where}: labels`)] = 1;
    return { inputIds, label: flags };
  });
  return {
    examples,
    id2label,
    problemType: isMany ? "multi_label_classification" : "single_label_classification",
    warnings,
  };
}

interface LabelledRow {
  readonly where: string;
  readonly inputIds: readonly number[];
  readonly labels: readonly RawLabel[];
  readonly isMany: boolean;
  /** True where all are written with a point. */
  readonly areFloats: boolean;
}

/** Reads rows of numbers: flags if there are several and all are 0 or 1, otherwise regression. */
function numbersOf(rows: readonly LabelledRow[]): Omit<SequenceDataset, "warnings"> {
  const count = rows[0]!.labels.length;
  const odd = rows.find(({ labels }) => labels.length !== count || labels.some((label) => typeof label !== "number"));
  if (odd)
    throw new DataError({
      where: odd.where,
      expected: count === 1 ? "a number, like other rows" : `${count} numbers, like other rows`,
      got: JSON.stringify(odd.labels),
    });
  const all = rows.flatMap(({ labels }) => labels);
  const areFlags = rows[0]!.isMany && count > 1 && all.every((label) => label === 0 || label === 1);
  return {
    examples: rows.map(({ inputIds, labels }) => ({ inputIds, label: labels as readonly number[] })),
    id2label: Object.fromEntries(rows[0]!.labels.map((_, i) => [i, `LABEL_${i}`])),
    problemType: areFlags ? "multi_label_classification" : "regression",
  };
}
