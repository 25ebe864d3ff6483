/** Batches of examples for classification and question answering. */

import { checkOptions, type OptionNames } from "@mixtape/errors";
import { IGNORED } from "../batch.js";
import { checkWhole, expectThat } from "../checks.js";
import { TrainingError } from "../errors.js";
import { shuffled } from "../shuffle.js";
import type { EpochData, TokensBatch } from "./head-task.js";
import type { QuestionBatch } from "./question-answering-task.js";
import type { SequenceBatch } from "./sequence-classification-task.js";
import type { TokenLabelsBatch } from "./token-classification-task.js";

/** A text with its label. */
export interface SequenceExample {
  readonly inputIds: readonly number[];
  /** A class, or a number; or a list of numbers or flags. */
  readonly label: number | readonly number[];
}

/** A text with a label for each token. */
export interface TokenExample {
  readonly inputIds: readonly number[];
  /** As long as `inputIds`, −100 is ignored. */
  readonly labels: readonly number[];
}

/** A question with a context that answers it. */
export interface QuestionExample {
  readonly inputIds: readonly number[];
  /** Positions of the first and the last token of the answer. */
  readonly start: number;
  readonly end: number;
}

/** Options of batches. */
export interface HeadBatchesOptions {
  /** Number of rows of a batch. */
  readonly batchSize: number;
  /** Padding token: the `padTokenId` of the model's config, by which a sequence classifier finds the last token. */
  readonly padId: number;
  /** Seed of the order, which differs in each epoch; null for the order of the list. Default: 0. */
  readonly seed?: number | null;
}

const OPTIONS: OptionNames<HeadBatchesOptions> = { batchSize: true, padId: true, seed: true };

/** Batches texts with labels. @throws {TrainingError} without examples, and for one without tokens */
export function sequenceBatches(
  examples: readonly SequenceExample[],
  options: HeadBatchesOptions,
): EpochData<SequenceBatch> {
  return dataLoader(examples, options, (rows, tokens) => ({
    ...tokens,
    labels: rows.map(({ label }) => label) as SequenceBatch["labels"],
  }));
}

/** Batches texts with labels of tokens. @throws {TrainingError} without examples, and for one without tokens */
export function tokenBatches(
  examples: readonly TokenExample[],
  options: HeadBatchesOptions,
): EpochData<TokenLabelsBatch> {
  return dataLoader(examples, options, (rows, { inputIds, ...tokens }) => ({
    ...tokens,
    inputIds,
    labels: rows.map(({ labels }) => filled(labels, inputIds[0]!.length, IGNORED)),
  }));
}

/** Batches questions. @throws {TrainingError} without examples, and for one without tokens */
export function questionBatches(
  examples: readonly QuestionExample[],
  options: HeadBatchesOptions,
): EpochData<QuestionBatch> {
  return dataLoader(examples, options, (rows, tokens) => ({
    ...tokens,
    startPositions: rows.map(({ start }) => start),
    endPositions: rows.map(({ end }) => end),
  }));
}

function dataLoader<E extends { readonly inputIds: readonly number[] }, B>(
  examples: readonly E[],
  options: HeadBatchesOptions,
  collate: (rows: readonly E[], tokens: TokensBatch) => B,
): EpochData<B> {
  checkOptions("batches", options, OPTIONS);
  const { batchSize, padId, seed = 0 } = options;
  checkWhole("batchSize", batchSize, 1);
  checkWhole("padId", padId, 0);
  expectThat(Array.isArray(examples), "batches", "a list of examples", examples);
  if (examples.length === 0) throw new TrainingError({ where: "examples", expected: "at least one", got: "none" });
  for (const [i, example] of examples.entries())
    expectThat(
      Array.isArray(example?.inputIds) && example.inputIds.length > 0,
      `examples[${i}].inputIds`,
      "a list of at least one token id",
      example?.inputIds,
    );
  const batchesPerEpoch = Math.ceil(examples.length / batchSize);
  let order: { epoch: number; rows: readonly E[] } | undefined;
  return {
    batchesPerEpoch,
    batch(index) {
      const epoch = Math.floor(index / batchesPerEpoch);
      if (order?.epoch !== epoch) order = { epoch, rows: shuffled(examples, seed, epoch + 1) };
      const start = (index % batchesPerEpoch) * batchSize;
      const rows = order.rows.slice(start, start + batchSize);
      return collate(rows, padded(rows, padId));
    },
  };
}

function padded(rows: readonly { readonly inputIds: readonly number[] }[], padId: number): TokensBatch {
  const length = Math.max(...rows.map(({ inputIds }) => inputIds.length));
  return {
    inputIds: rows.map(({ inputIds }) => filled(inputIds, length, padId)),
    ...(rows.some(({ inputIds }) => inputIds.length < length) && {
      attentionMask: rows.map(({ inputIds }) => filled(Array<number>(inputIds.length).fill(1), length, 0)),
    }),
  };
}

function filled(row: readonly number[], length: number, filler: number): number[] {
  return [...row, ...Array<number>(length - row.length).fill(filler)];
}
