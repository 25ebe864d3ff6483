import type { DecoderConfig } from "@mixtape/config";
import { Linear } from "@mixtape/layers";
import { type Scalar, split, squeeze, type Tensor2D } from "@tensorflow/tfjs-core";
import { DecoderError } from "../errors.js";
import type { HiddenOutput, ModelInputs } from "../forward.js";
import { PreTrainedModel } from "../pre-trained-model.js";
import { spanLoss } from "./head-losses.js";
import type { LabelsInput } from "./labels.js";

/** Inputs of a question answerer. */
export type QuestionAnsweringInputs = ModelInputs & {
  /** `[B]` positions of the first token of each answer; those at or beyond L are ignored, those below 0 count as 0. */
  readonly startPositions?: LabelsInput;
  /** `[B]` positions of the last token of each answer, clamped likewise. With both, the output has a loss. */
  readonly endPositions?: LabelsInput;
};

/** Outputs of a question answerer. */
export type QuestionAnsweringOutput = HiddenOutput & {
  /** `[B, L]` logits of each token as the first of the answer; at padding too */
  readonly startLogits: Tensor2D;
  /** `[B, L]` logits of each token as the last of the answer; at padding too */
  readonly endLogits: Tensor2D;
  /** Present only when both positions are given. */
  readonly loss?: Scalar;
};

/** A decoder for extractive question answering. Corresponds to transformers' `GenericForQuestionAnswering`. */
export abstract class ForQuestionAnswering<C extends DecoderConfig = DecoderConfig> extends PreTrainedModel<C> {
  static readonly head: string = "ForQuestionAnswering";
  /** `[2, M]`: start and end, with a bias. */
  readonly qaOutputs: Linear;

  constructor(config: C) {
    super(config);
    this.qaOutputs = new Linear(config.hiddenSize, 2, { bias: true });
  }

  /**
   * Returns the logits of starts and ends, and with both positions the loss.
   * @throws {DecoderError} for inputs that do not fit the model or each other, and for one position without the other
   */
  forward(inputs: QuestionAnsweringInputs): QuestionAnsweringOutput {
    return this.withHead(inputs, (hidden) => {
      const { startPositions, endPositions } = inputs;
      const [startLogits, endLogits] = split(this.qaOutputs.forward(hidden), 2, -1).map((one) =>
        squeeze(one, [-1]),
      ) as [Tensor2D, Tensor2D];
      const logits = { startLogits, endLogits };
      if (startPositions && endPositions)
        return { ...logits, loss: spanLoss(logits, { startPositions, endPositions }) };
      if (!startPositions && !endPositions) return logits;
      throw new DecoderError({
        where: "forward",
        expected: "startPositions and endPositions, or neither",
        got: `only ${startPositions ? "startPositions" : "endPositions"}`,
      });
    });
  }

  override mayLack(name: string): boolean {
    return name.startsWith("qa_outputs.");
  }
}
