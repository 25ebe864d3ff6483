import { checkList, checkObject } from "./checks.js";
import { TrainingError } from "./errors.js";

/** The label of a position that has no part in the loss. */
export const IGNORED = -100;

/** Texts in rows of one length. B rows, L positions. */
export interface TrainingBatch {
  /** `[B, L]` */
  readonly inputIds: readonly (readonly number[])[];
  /** `[B, L]` token ids, −100 where no loss is taken; the model shifts them. */
  readonly labels: readonly (readonly number[])[];
  /** `[B, L]`, 1 for a token and 0 for padding. All tokens where absent. */
  readonly attentionMask?: readonly (readonly number[])[];
  /** `[B, L]`, from 0 in each text where a row has several. */
  readonly positionIds?: readonly (readonly number[])[];
  /** `[B, L]`: attention stays among the positions of a row that have one number. */
  readonly documentIds?: readonly (readonly number[])[];
}

/** Where batches come from. What comes next is one number, so that a run can go on where it stopped. */
export interface TrainingData<out B = TrainingBatch> {
  /** The batch of that number, from 0 on: the same whenever it is asked for. */
  batch(index: number): B | Promise<B>;
}

/** A text to learn. */
export interface Example {
  readonly inputIds: readonly number[];
  /** As long as `inputIds`, −100 where no loss is taken. The ids themselves where absent. */
  readonly labels?: readonly number[];
  /**
   * What becomes of the tokens beyond `maxLength`: they go on in another row, or they are dropped, because they mean nothing
   * without those before them. Default `split`.
   */
  readonly overflow?: "split" | "drop";
}

/**
 * Counts the labels of a batch that are predicted: those after the first position that are not −100.
 * @throws {TrainingError} for what is no batch
 */
export function countLabels(batch: TrainingBatch): number {
  checkObject("countLabels", "a batch", batch);
  const { labels } = batch;
  checkList("countLabels: labels", "rows of labels", labels, Array.isArray);
  return labels.reduce((sum, row) => sum + row.reduce((n, label, i) => (i > 0 && label !== IGNORED ? n + 1 : n), 0), 0);
}

/**
 * Counts the positions of a batch that are no padding.
 * @throws {TrainingError} for what is no batch
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

/** @throws {TrainingError} where labels are not as many as ids. */
export function labelsOf({ inputIds, labels = inputIds }: Example, where: string): readonly number[] {
  if (labels.length !== inputIds.length)
    throw new TrainingError({ where: `${where}.labels`, expected: `${inputIds.length}`, got: `${labels.length}` });
  return labels;
}
