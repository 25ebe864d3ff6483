import { checkOptions, type OptionNames } from "@mixtape/errors";
import { type Example, IGNORED, type TrainingBatch, type TrainingData } from "./batch.js";
import { expectThat } from "./checks.js";
import { type Truncation, truncate } from "./data/truncate.js";
import { TrainingError } from "./errors.js";
import { shuffled } from "./shuffle.js";

/** Options of {@link dataLoader}. */
export interface DataLoaderOptions {
  /** Number of rows of a batch. */
  readonly batchSize: number;
  /**
   * Maximum length of a row. Longer texts continue in another row, or are truncated, as set by each text's `overflow`;
   * packed rows are filled up to this length. Required for packing; by default texts stay whole.
   */
  readonly maxLength?: number;
  /** Whether several texts share a row, separated from each other, to reduce padding. Default: false. */
  readonly pack?: boolean;
  /** Seed of the shuffling in each epoch; null keeps the order. Default: 0. */
  readonly seed?: number | null;
  /** Id of padding, which affects nothing. Default: 0. */
  readonly padId?: number;
}

const OPTIONS: OptionNames<DataLoaderOptions> = {
  batchSize: true,
  maxLength: true,
  pack: true,
  seed: true,
  padId: true,
};

/** Batches of texts, epoch after epoch. The last batch of an epoch may be smaller. */
export interface ExamplesData extends TrainingData {
  readonly batchesPerEpoch: number;
  /** Counts of tokens truncated from texts longer than `maxLength`. */
  readonly truncation: Truncation;
  batch(index: number): TrainingBatch;
}

type Row = readonly Required<Example>[];

/**
 * Batches texts, without end.
 * @throws {OptionError} for an unknown option
 * @throws {TrainingError} if no text has a label with a loss
 */
export function dataLoader(examples: readonly Example[], options: DataLoaderOptions): ExamplesData {
  checkOptions("dataLoader", options, OPTIONS);
  const { batchSize, maxLength = Infinity, pack = false, seed = 0, padId = 0 } = options;
  checkSizes(batchSize, maxLength, pack);
  expectThat(seed === null || Number.isInteger(seed), "seed", "a whole number, or null", seed);
  expectThat(Array.isArray(examples), "dataLoader", "a list of examples", examples);
  for (const [i, example] of examples.entries()) checkIds(`examples[${i}].inputIds`, example?.inputIds);
  const { rows: texts, truncation } = truncate(examples, maxLength);
  if (texts.length === 0)
    throw new TrainingError({
      where: "examples",
      expected: "a text of at least two tokens with a label other than -100",
      got: examples.length === 0 ? "no examples" : `none among ${examples.length}`,
      fix:
        truncation.emptied > 0
          ? {
              option: "maxLength",
              text: (option) => `Raise ${option}, which cuts off all labels of ${truncation.emptied}`,
            }
          : "Labels of -100, and the first label of a text, are ignored",
    });
  const rows: Row[] = pack ? packed(shuffled(texts, seed, 0), maxLength) : texts.map((text) => [text]);
  const batchesPerEpoch = Math.ceil(rows.length / batchSize);
  let order: { epoch: number; rows: readonly Row[] } | undefined;
  return {
    batchesPerEpoch,
    truncation,
    batch(index) {
      const epoch = Math.floor(index / batchesPerEpoch);
      if (order?.epoch !== epoch) order = { epoch, rows: shuffled(rows, seed, epoch + 1) };
      const start = (index % batchesPerEpoch) * batchSize;
      return collate(order.rows.slice(start, start + batchSize), padId);
    },
  };
}

/** Refuses ids that no vocabulary has. The model itself checks that an id is within its own. */
function checkIds(where: string, ids: unknown): void {
  expectThat(Array.isArray(ids), where, "a list of token ids", ids);
  const odd = (ids as unknown[]).findIndex((id) => !(Number.isInteger(id) && (id as number) >= 0));
  if (odd >= 0) expectThat(false, `${where}[${odd}]`, "a token id, from 0", (ids as unknown[])[odd]);
}

/** Collates rows to a batch, padded on the right to the longest. */
function collate(rows: readonly Row[], padId: number): TrainingBatch {
  const length = Math.max(...rows.map((row) => row.reduce((sum, { inputIds }) => sum + inputIds.length, 0)));
  const isPacked = rows.some((row) => row.length > 1);
  const columns = (valuesOf: (text: Required<Example>, i: number) => readonly number[], filler: number): number[][] =>
    rows.map((row) => {
      const values = row.flatMap((text, i) => valuesOf(text, i));
      return [...values, ...Array<number>(length - values.length).fill(filler)];
    });
  const isPadded = rows.some((row) => row.reduce((sum, { inputIds }) => sum + inputIds.length, 0) < length);
  return {
    inputIds: columns(({ inputIds }) => inputIds, padId),
    // The first token of a text is not predicted by the text before it.
    labels: columns(({ labels }) => [IGNORED, ...labels.slice(1)], IGNORED),
    ...(isPadded && { attentionMask: columns(({ inputIds }) => inputIds.map(() => 1), 0) }),
    ...(isPacked && {
      positionIds: columns(({ inputIds }) => [...inputIds.keys()], 0),
      documentIds: columns(({ inputIds }, i) => inputIds.map(() => i), -1),
    }),
  };
}

/** Packs texts into rows of at most `length`: each goes to the first row with room, longest first. */
function packed(texts: readonly Required<Example>[], length: number): Row[] {
  const rows: { free: number; row: Required<Example>[] }[] = [];
  for (const text of texts.toSorted((a, b) => b.inputIds.length - a.inputIds.length)) {
    const size = text.inputIds.length;
    const place = rows.find(({ free }) => free >= size);
    if (place) {
      place.free -= size;
      place.row.push(text);
    } else rows.push({ free: length - size, row: [text] });
  }
  return rows.map(({ row }) => row);
}

function checkSizes(batchSize: number, maxLength: number, pack: boolean): void {
  const wrong = (where: string, expected: string, got: number): TrainingError =>
    new TrainingError({ where, expected, got: `${got}` });
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) throw wrong("batchSize", "at least 1 row", batchSize);
  if (!(maxLength >= 2)) throw wrong("maxLength", "at least 2 tokens", maxLength);
  if (pack && maxLength === Infinity) throw wrong("maxLength", "a number of tokens to pack rows up to", maxLength);
}
