import type { DecoderConfig } from "@mixtape/config";
import { Linear } from "@mixtape/layers";
import { gather, reshape, type Scalar, type Tensor2D, type Tensor3D, tensor1d } from "@tensorflow/tfjs-core";
import { readBatch } from "../batch.js";
import { DecoderError } from "../errors.js";
import type { HiddenOutput, ModelInputs } from "../forward.js";
import { PreTrainedModel } from "../pre-trained-model.js";
import { type ProblemType, problemTypeOf, sequenceLoss } from "./head-losses.js";
import { type Labels, type LabelsInput, readLabels } from "./labels.js";

/** Inputs of a sequence classifier. C classes. */
export type SequenceClassifierInputs = ModelInputs & {
  /**
   * `[B]` a class for each row, −100 is ignored; `[B, C]` flags for multi-label classification; or numbers for
   * regression, `[B, C]` or `[B]` if C is 1. With labels the output has a loss.
   */
  readonly labels?: LabelsInput;
};

/** Outputs of a sequence classifier. */
export type SequenceClassifierOutput = HiddenOutput & {
  /** `[B, C]`, of the last token of each row */
  readonly logits: Tensor2D;
  /** Present only when labels are given. */
  readonly loss?: Scalar;
};

/**
 * A decoder for sequence classification: one of several classes, any of several classes, or regression. Like
 * transformers' `GenericForSequenceClassification`, it uses the hidden state of the last token of a row that is not the
 * padding token.
 */
export abstract class ForSequenceClassification<C extends DecoderConfig = DecoderConfig> extends PreTrainedModel<C> {
  static readonly head: string = "ForSequenceClassification";
  /** `[C, M]`, without bias. */
  readonly score: Linear;

  constructor(config: C) {
    super(config);
    this.score = new Linear(config.hiddenSize, config.numLabels);
  }

  /**
   * Returns the logits of each row, and with labels the loss.
   * @throws {DecoderError} for inputs that do not fit the model or each other, and for several rows if the config has
   *   no `padTokenId`: the last token of a row is then unknown
   */
  forward(inputs: SequenceClassifierInputs): SequenceClassifierOutput {
    return this.withHead(inputs, (hidden) => {
      const logits = this.#pooled(hidden, inputs);
      if (!inputs.labels) return { logits };
      const labels = readLabels(inputs.labels, "labels");
      return { logits, loss: sequenceLoss(logits, labels, this.problemTypeFor(labels)) };
    });
  }

  /**
   * Returns the loss for labels: `problemType` of the config. If that is null, the first labels decide it permanently,
   * as in transformers, and it is saved with the model.
   */
  problemTypeFor(labels: Labels): ProblemType {
    const { problemType, numLabels } = this.config;
    if (problemType) return problemType;
    const settled = problemTypeOf(labels, numLabels);
    (this as { config: C }).config = { ...this.config, problemType: settled };
    return settled;
  }

  override mayLack(name: string): boolean {
    return name.startsWith("score.");
  }

  /** @param hidden `[B, L, M]` @returns `[B, C]` */
  #pooled(hidden: Tensor3D, inputs: SequenceClassifierInputs): Tensor2D {
    const [b, l, m] = hidden.shape;
    const at = lastTokens(inputs, this.config.padTokenId, b, l).map((position, row) => row * l + position);
    const pooled = gather(reshape(hidden, [b * l, m]), tensor1d(at, "int32"));
    return reshape(this.score.forward(reshape(pooled, [b, 1, m])), [b, this.config.numLabels]);
  }
}

/**
 * Returns the position of the last token of each row that is not the padding token, by ids: the attention mask is not
 * used.
 */
function lastTokens({ inputIds }: ModelInputs, padTokenId: number | null, rows: number, length: number): number[] {
  if (padTokenId === null && rows > 1)
    throw new DecoderError({
      where: "inputIds",
      expected: "one row, as the config has no padding token",
      got: `${rows} rows`,
      fix: [
        { option: "config", text: (option) => `set padTokenId in ${option} when loading` },
        "set pad_token_id in config.json: the last token that is not padding is classified",
      ],
    });
  if (padTokenId === null || !inputIds) return Array<number>(rows).fill(length - 1);
  const { values } = readBatch(inputIds, "inputIds");
  return Array.from({ length: rows }, (_, row) =>
    Math.max(
      0,
      values.subarray(row * length, (row + 1) * length).findLastIndex((id) => id !== padTokenId),
    ),
  );
}
