import {
  ForSequenceClassification,
  type ModelInputs,
  readLabels,
  type SequenceClassifierOutput,
  sequenceLoss,
} from "@mixtape/decoder";
import type { Scalar } from "@tensorflow/tfjs-core";
import { IGNORED } from "../batch.js";
import { expectThat } from "../checks.js";
import { HeadTask, type HeadTaskOptions, type TokensBatch } from "./head-task.js";
import { argmax, ClassScores, FlagScores, type Scores } from "./scores.js";

/** Texts, with a label for each. */
export interface SequenceBatch extends TokensBatch {
  /** `[B]` classes, −100 is ignored, or numbers; or `[B, C]` numbers or flags. */
  readonly labels: readonly number[] | readonly (readonly number[])[];
}

/**
 * Trains a sequence classifier, or adapters on one. Evaluated by accuracy and macro F1, or for regression by the mean
 * squared error.
 *
 * ```ts
 * const task = new SequenceClassificationTask(model, { params: adapter.trainableParams() });
 * for await (const { step, loss } of train(task, data, { maxSteps: 100, optimizer: { learningRate: 1e-4 } }))
 * console.log(step, loss);
 * const { metrics } = await task.evaluate(heldOut);
 * ```
 */
export class SequenceClassificationTask extends HeadTask<
  ForSequenceClassification,
  SequenceClassifierOutput,
  SequenceBatch
> {
  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} for another model, and for a negative coefficient
   */
  constructor(model: ForSequenceClassification, options: HeadTaskOptions = {}) {
    const isOne = model instanceof ForSequenceClassification;
    expectThat(isOne, "SequenceClassificationTask", "a sequence classifier, loaded and awaited", model);
    super(model, options);
  }

  labels({ labels }: SequenceBatch): number {
    return labels.filter((label) => label !== IGNORED).length;
  }

  protected run(inputs: ModelInputs): SequenceClassifierOutput {
    return this.model.forward(inputs);
  }

  protected headLoss({ logits }: SequenceClassifierOutput, batch: SequenceBatch, numItems: number): Scalar {
    const labels = readLabels(batch.labels, "labels");
    return sequenceLoss(logits, labels, this.model.problemTypeFor(labels), numItems);
  }

  protected scores(): Scores<SequenceClassifierOutput, SequenceBatch> {
    const { numLabels } = this.model.config;
    const classes = new ClassScores();
    const flags = new FlagScores(numLabels);
    let [squares, count] = [0, 0];
    return {
      add: async ({ logits }, { labels }) => {
        const values = await logits.data();
        for (const [row, label] of labels.entries()) {
          const own = values.subarray(row * numLabels, (row + 1) * numLabels);
          const wanted = typeof label === "number" ? [label] : label;
          if (this.model.config.problemType === "regression") {
            for (const [i, value] of wanted.entries()) squares += (own[i]! - value) ** 2;
            count += wanted.length;
          } else if (this.model.config.problemType === "multi_label_classification")
            flags.add(
              Array.from(own, (value) => value > 0),
              wanted.map((flag) => flag > 0.5),
            );
          else if (wanted[0] !== IGNORED) classes.add(argmax(own, 0, numLabels), wanted[0]!);
        }
      },
      metrics: () => {
        const { problemType } = this.model.config;
        if (problemType === "regression") return { mse: squares / count };
        return problemType === "multi_label_classification" ? flags.metrics() : classes.metrics();
      },
    };
  }
}
