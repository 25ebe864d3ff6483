import type { DecoderConfig } from "@mixtape/config";
import { Linear } from "@mixtape/layers";
import { dropout } from "@mixtape/ops";
import type { Scalar, Tensor3D } from "@tensorflow/tfjs-core";
import { type BatchInput, readBatch } from "../batch.js";
import type { HiddenOutput, ModelInputs } from "../forward.js";
import { PreTrainedModel } from "../pre-trained-model.js";
import { tokenLoss } from "./head-losses.js";

/** Inputs of a token classifier. */
export type TokenClassifierInputs = ModelInputs & {
  /** `[B, L]` the class of each token, −100 is ignored. With labels the output has a loss. */
  readonly labels?: BatchInput;
};

/** Outputs of a token classifier. C classes. */
export type TokenClassifierOutput = HiddenOutput & {
  /** `[B, L, C]` */
  readonly logits: Tensor3D;
  /** Present only when labels are given. */
  readonly loss?: Scalar;
};

/**
 * A decoder for token classification, from the tokens up to each. Corresponds to transformers'
 * `GenericForTokenClassification`.
 */
export abstract class ForTokenClassification<C extends DecoderConfig = DecoderConfig> extends PreTrainedModel<C> {
  static readonly head: string = "ForTokenClassification";
  /** `[C, M]`, with a bias. */
  readonly score: Linear;

  constructor(config: C) {
    super(config);
    this.score = new Linear(config.hiddenSize, config.numLabels, { bias: true });
  }

  /**
   * Returns the logits of each token, and with labels the loss. In training, dropout with probability
   * `classifierDropout` of the config is applied to the hidden states before the head.
   * @throws {DecoderError} for inputs that do not fit the model or each other
   */
  forward(inputs: TokenClassifierInputs): TokenClassifierOutput {
    return this.withHead(inputs, (hidden) => {
      const logits = this.score.forward(dropout(hidden, this.config.classifierDropout));
      return { logits, ...(inputs.labels && { loss: tokenLoss(logits, readBatch(inputs.labels, "labels")) }) };
    });
  }

  override mayLack(name: string): boolean {
    return name.startsWith("score.");
  }
}
