import {
  BaseModel,
  defineFamily,
  expertWeights,
  ForCausalLM,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  PreNormDecoderLayer,
  rename,
} from "@mixtape/decoder";
import { Experts, type FeedForward, MoeBlock, SoftmaxRouter, type TokenRouter } from "@mixtape/layers";
import { type MixtralConfig, mixtralConfig } from "./config.js";

/** Every layer is a mixture of experts: softmax probabilities, normalised over the selected experts. */
export class MixtralDecoderLayer<C extends MixtralConfig = MixtralConfig> extends PreNormDecoderLayer<C> {
  override buildMoe(config: C, layer: number): FeedForward {
    const { routerJitterNoise: jitterNoise } = config;
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), jitterNoise });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** The family Mixtral: its config, layer and names on disk. */
export const mixtral = defineFamily({
  name: "Mixtral",
  config: mixtralConfig,
  layer: MixtralDecoderLayer,
  names: [
    rename("mlp.*", "block_sparse_moe.*", "mlp.*"),
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    ...expertWeights({ gate: "w1", up: "w3", down: "w2" }),
  ],
});

/**
 * Mixtral (Jiang et al. 2024, https://arxiv.org/abs/2401.04088) with its language modelling head.
 *
 * ```ts
 * const model = await MixtralForCausalLM.fromPretrained("./Mixtral-8x7B-v0.1");
 * ```
 */
export class MixtralForCausalLM<C extends MixtralConfig = MixtralConfig> extends ForCausalLM<C> {
  static readonly family = mixtral;
}

/** Mixtral without a head: hidden states and embeddings. */
export class MixtralModel<C extends MixtralConfig = MixtralConfig> extends BaseModel<C> {
  static readonly family = mixtral;
}

/** Mixtral for sequence classification. */
export class MixtralForSequenceClassification<
  C extends MixtralConfig = MixtralConfig,
> extends ForSequenceClassification<C> {
  static readonly family = mixtral;
}

/** Mixtral for token classification. */
export class MixtralForTokenClassification<C extends MixtralConfig = MixtralConfig> extends ForTokenClassification<C> {
  static readonly family = mixtral;
}

/** Mixtral for extractive question answering. */
export class MixtralForQuestionAnswering<C extends MixtralConfig = MixtralConfig> extends ForQuestionAnswering<C> {
  static readonly family = mixtral;
}
