import { ForQuestionAnswering, type ModelInputs, type QuestionAnsweringOutput, spanLoss } from "@mixtape/decoder";
import type { Scalar } from "@tensorflow/tfjs-core";
import { expectThat } from "../checks.js";
import { HeadTask, type HeadTaskOptions, type TokensBatch } from "./head-task.js";
import { argmax, type Scores } from "./scores.js";

/** Questions with their contexts, and the positions of the answers. */
export interface QuestionBatch extends TokensBatch {
  /** `[B]` positions of the first token of each answer. One at or beyond L is ignored. */
  readonly startPositions: readonly number[];
  /** `[B]` positions of the last token of each answer. */
  readonly endPositions: readonly number[];
}

/**
 * Trains a question answering model, or adapters on one. Evaluated by the fraction of answers whose first and last
 * token are both correct.
 */
export class QuestionAnsweringTask extends HeadTask<ForQuestionAnswering, QuestionAnsweringOutput, QuestionBatch> {
  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} for another model, and for a negative coefficient
   */
  constructor(model: ForQuestionAnswering, options: HeadTaskOptions = {}) {
    const isOne = model instanceof ForQuestionAnswering;
    expectThat(isOne, "QuestionAnsweringTask", "a question answerer, loaded and awaited", model);
    super(model, options);
  }

  /** Counts the rows whose answer is within the text. */
  labels(batch: QuestionBatch): number {
    return answered(batch).length;
  }

  protected run(inputs: ModelInputs): QuestionAnsweringOutput {
    return this.model.forward(inputs);
  }

  protected headLoss(output: QuestionAnsweringOutput, batch: QuestionBatch, numItems: number): Scalar {
    return spanLoss(output, batch, numItems);
  }

  protected scores(): Scores<QuestionAnsweringOutput, QuestionBatch> {
    let [right, all] = [0, 0];
    return {
      add: async ({ startLogits, endLogits }, batch) => {
        const [starts, ends] = [await startLogits.data(), await endLogits.data()];
        const width = startLogits.shape[1];
        for (const row of answered(batch)) {
          const mask = batch.attentionMask?.[row];
          const length = mask ? mask.lastIndexOf(1) + 1 : width;
          const isStart = argmax(starts, row * width, length) === batch.startPositions[row];
          const isEnd = argmax(ends, row * width, length) === batch.endPositions[row];
          if (isStart && isEnd) right++;
          all++;
        }
      },
      metrics: () => ({ exactMatch: right / all }),
    };
  }
}

/** Returns the rows whose answer is within the text. */
function answered({ inputIds, startPositions, endPositions }: QuestionBatch): number[] {
  return startPositions.flatMap((start, row) => {
    const length = inputIds[row]!.length;
    return start < length && endPositions[row]! < length ? [row] : [];
  });
}
