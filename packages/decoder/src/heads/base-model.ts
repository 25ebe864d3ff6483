import type { DecoderConfig } from "@mixtape/config";
import { checkOptions } from "@mixtape/errors";
import { type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import type { ModelInputs, ModelOutput } from "../forward.js";
import { type PoolingOptions, pool } from "../pooling.js";
import { PreTrainedModel } from "../pre-trained-model.js";

/**
 * A decoder without a head: hidden states, and embeddings of texts. Corresponds to `MixtralModel` and the like in
 * transformers. Its checkpoint's names have no prefix `model.`; a checkpoint with a head loads too, without the head.
 */
export abstract class BaseModel<C extends DecoderConfig = DecoderConfig> extends PreTrainedModel<C> {
  static readonly head: string = "Model";

  /**
   * Returns the hidden states of a batch.
   * @throws {DecoderError} for inputs that do not fit the model or each other
   */
  forward(inputs: ModelInputs): ModelOutput {
    return this.withHead(inputs, (lastHiddenState) => ({ lastHiddenState }));
  }

  /**
   * Returns an embedding vector for each row, pooled from its last hidden states.
   *
   * ```ts
   * const vectors = model.embeddings({ inputIds, attentionMask }, { pooling: "last-token", normalize: true });
   * ```
   *
   * @param options default: the mean over all tokens of a row, not normalized
   * @returns `[B, M]`
   * @throws {OptionError} for an unknown option
   * @throws {DecoderError} for inputs that do not fit, and for a row of padding only
   */
  embeddings(inputs: ModelInputs, options: PoolingOptions = {}): Tensor2D {
    checkOptions("embeddings", options, { pooling: true, normalize: true });
    return tidy(() => pool(this.model.forward(inputs).lastHiddenState, inputs.attentionMask, options));
  }
}
