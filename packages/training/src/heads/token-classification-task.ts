import {
  ForTokenClassification,
  type ModelInputs,
  readBatch,
  type TokenClassifierOutput,
  tokenLoss,
} from "@mixtape/decoder";
import type { Scalar } from "@tensorflow/tfjs-core";
import { IGNORED } from "../batch.js";
import { expectThat } from "../checks.js";
import { HeadTask, type HeadTaskOptions, type TokensBatch } from "./head-task.js";
import { argmax, ClassScores, type Scores } from "./scores.js";

/** Texts, with a label for each token. */
export interface TokenLabelsBatch extends TokensBatch {
  /** `[B, L]` the class of each token, −100 is ignored. Nothing is shifted. */
  readonly labels: readonly (readonly number[])[];
}

/** Trains a token classifier, or adapters on one. Evaluated by accuracy and macro F1 over the tokens that have a label. */
export class TokenClassificationTask extends HeadTask<ForTokenClassification, TokenClassifierOutput, TokenLabelsBatch> {
  /**
   * @throws {OptionError} for an unknown option
   * @throws {TrainingError} for another model, and for a negative coefficient
   */
  constructor(model: ForTokenClassification, options: HeadTaskOptions = {}) {
    const isOne = model instanceof ForTokenClassification;
    expectThat(isOne, "TokenClassificationTask", "a token classifier, loaded and awaited", model);
    super(model, options);
  }

  labels({ labels }: TokenLabelsBatch): number {
    return labels.reduce((sum, row) => sum + row.filter((label) => label !== IGNORED).length, 0);
  }

  protected run(inputs: ModelInputs): TokenClassifierOutput {
    return this.model.forward(inputs);
  }

  protected headLoss({ logits }: TokenClassifierOutput, { labels }: TokenLabelsBatch, numItems: number): Scalar {
    return tokenLoss(logits, readBatch(labels, "labels"), numItems);
  }

  protected scores(): Scores<TokenClassifierOutput, TokenLabelsBatch> {
    const { numLabels } = this.model.config;
    const classes = new ClassScores();
    return {
      add: async ({ logits }, { labels }) => {
        const values = await logits.data();
        for (const [at, label] of labels.flat().entries())
          if (label !== IGNORED) classes.add(argmax(values, at * numLabels, numLabels), label);
      },
      metrics: () => classes.metrics(),
    };
  }
}
