import { checkList, checkObject } from "./checks.js";
import { TrainingError } from "./errors.js";

/** Label of a position that the loss ignores. */
export const IGNORED = -100;

/** Texts in rows of one length. B rows, L positions. */
export interface TrainingBatch {
  /** `[B, L]` */
  readonly inputIds: readonly (readonly number[])[];
  /** `[B, L]` token ids, −100 is ignored; the model shifts them. */
  readonly labels: readonly (readonly number[])[];
  /** `[B, L]`, 1 for a token and 0 for padding. Default: all are tokens. */
  readonly attentionMask?: readonly (readonly number[])[];
  /** `[B, L]`, restarting at 0 with each text if a row has several. */
  readonly positionIds?: readonly (readonly number[])[];
  /** `[B, L]`: positions of a row attend only to positions with the same id. */
  readonly documentIds?: readonly (readonly number[])[];
}

/** Source of batches. Its state is a single index, so that a run can resume. */
export interface TrainingData<out B = TrainingBatch> {
  /** Returns the batch of an index, from 0: always the same one. */
  batch(index: number): B | Promise<B>;
}

/** A text to train on. */
export interface Example {
  readonly inputIds: readonly number[];
  /** As long as `inputIds`, −100 is ignored. Default: the ids themselves. */
  readonly labels?: readonly number[];
  /**
   * Treatment of tokens beyond `maxLength`: they continue in another row, or are dropped, because they mean nothing
   * without the previous ones. Default: `split`.
   */
  readonly overflow?: "split" | "drop";
}

/**
 * Counts the predicted labels of a batch: those after the first position that are not −100.
 * @throws {TrainingError} if it is not a batch
 */
export function countLabels(batch: TrainingBatch): number {
  checkObject("countLabels", "a batch", batch);
  const { labels } = batch;
  checkList("countLabels: labels", "rows of labels", labels, Array.isArray);
  return labels.reduce((sum, row) => sum + row.reduce((n, label, i) => (i > 0 && label !== IGNORED ? n + 1 : n), 0), 0);
}

/**
 * Counts the positions of a batch without padding.
 * @throws {TrainingError} if it is not a batch
 */
export function countTokens(batch: TrainingBatch): number {
  checkObject("countTokens", "a batch", batch);
  const { inputIds, attentionMask } = batch;
  checkList(
    "countTokens",
    "rows of token ids, and of an attention mask where there is one",
    attentionMask ?? inputIds,
    Array.isArray,
  );
  if (!attentionMask) return inputIds.reduce((sum, row) => sum + row.length, 0);
  return attentionMask.reduce((sum, row) => sum + row.filter((value) => value !== 0).length, 0);
}

/** @throws {TrainingError} if there are not as many labels as ids. */
export function labelsOf({ inputIds, labels = inputIds }: Example, where: string): readonly number[] {
  if (labels.length !== inputIds.length)
    throw new TrainingError({ where: `${where}.labels`, expected: `${inputIds.length}`, got: `${labels.length}` });
  return labels;
}
