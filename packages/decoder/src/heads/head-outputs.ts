import type { Scalar, Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import type { BatchInput } from "../batch.js";
import type { ModelInputs, ModelOutput } from "../forward.js";

/** What all heads return besides their own. */
type Hidden = Pick<ModelOutput, "hiddenStates" | "attentions" | "routings" | "routerLogits">;

/** Inputs of `forward` of a sequence classifier. */
export type SequenceClassificationInputs = ModelInputs & {
  /**
   * One label a row: class indices `[B]` for `single_label_classification`; numbers `[B]` or `[B, labels]` for `regression`; 0 or 1
   * for each label, `[B, labels]`, for `multi_label_classification`. With them the output has a loss.
   */
  readonly labels?: readonly number[] | readonly (readonly number[])[];
};

/** Output of `forward` of a sequence classifier. */
export type SequenceClassificationOutput = Hidden & {
  /** `[B, labels]` */
  readonly logits: Tensor2D;
  /** Present only when labels are given. */
  readonly loss?: Scalar;
};

/** Inputs of `forward` of a token classifier. */
export type TokenClassificationInputs = ModelInputs & {
  /** `[B, L]` class indices, −100 where no loss is taken. With them the output has a loss. */
  readonly labels?: BatchInput;
};

/** Output of `forward` of a token classifier. */
export type TokenClassificationOutput = Hidden & {
  /** `[B, L, labels]` */
  readonly logits: Tensor3D;
  /** Present only when labels are given. */
  readonly loss?: Scalar;
};

/** Inputs of `forward` of a model that finds answers in a text. */
export type QuestionAnsweringInputs = ModelInputs & {
  /** `[B]`: the first token of each answer. One from L on does not count; one below 0 is 0. */
  readonly startPositions?: readonly number[];
  /** `[B]`: the last token of each answer. With both, the output has a loss. */
  readonly endPositions?: readonly number[];
};

/** Output of `forward` of a model that finds answers in a text. */
export type QuestionAnsweringOutput = Hidden & {
  /** `[B, L]` */
  readonly startLogits: Tensor2D;
  /** `[B, L]` */
  readonly endLogits: Tensor2D;
  /** Present only when positions are given. */
  readonly loss?: Scalar;
};
