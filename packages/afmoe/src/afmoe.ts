import {
  BaseModel,
  DecoderModel,
  defineFamily,
  expertWeights,
  ForCausalLM,
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  keepFloat32,
  rename,
  SandwichNormDecoderLayer,
} from "@mixtape/decoder";
import {
  Experts,
  type FeedForward,
  GatedMlp,
  MoeBlock,
  SigmoidBiasRouter,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { mul, type Tensor3D } from "@tensorflow/tfjs-core";
import { AfmoeAttention } from "./attention.js";
import { type AfmoeConfig, afmoeConfig } from "./config.js";

/** Norms before and after attention and feed-forward; shared and routed experts after the dense layers. */
export class AfmoeDecoderLayer<C extends AfmoeConfig = AfmoeConfig> extends SandwichNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new AfmoeAttention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    const width = config.moeIntermediateSize * config.numSharedExperts;
    const sharedExperts = width > 0 ? new GatedMlp(config, width) : null;
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), sharedExperts });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SigmoidBiasRouter(config);
  }
}

/** Decoder of AFMoE. */
export class AfmoeDecoder<C extends AfmoeConfig = AfmoeConfig> extends DecoderModel<C> {
  /** Scales embeddings by √M (muP, Yang et al. 2022, https://arxiv.org/abs/2203.03466). */
  protected override scaleEmbeddings(embeds: Tensor3D): Tensor3D {
    return this.config.mupEnabled ? mul(embeds, Math.sqrt(this.config.hiddenSize)) : embeds;
  }
}

/** The family AFMoE: its config, layer and names on disk. */
export const afmoe = defineFamily({
  name: "Afmoe",
  config: afmoeConfig,
  layer: AfmoeDecoderLayer,
  decoder: AfmoeDecoder,
  names: [
    rename("mlp.router.expert_bias", "mlp.expert_bias"),
    ...["*norm.weight", "*.expert_bias"].map((name) => keepFloat32(name, ["F16"])),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ],
});

/**
 * AFMoE, the family of Arcee's Trinity models, with its language modelling head. The reference gives it no auxiliary loss:
 * its load is balanced by the router's bias.
 *
 * ```ts
 * const model = await AfmoeForCausalLM.fromPretrained("./Trinity-Nano-Preview");
 * ```
 */
export class AfmoeForCausalLM<C extends AfmoeConfig = AfmoeConfig> extends ForCausalLM<C> {
  static readonly family = afmoe;
}

/** AFMoE without a head: hidden states and embeddings. */
export class AfmoeModel<C extends AfmoeConfig = AfmoeConfig> extends BaseModel<C> {
  static readonly family = afmoe;
}

/** AFMoE for sequence classification. */
export class AfmoeForSequenceClassification<C extends AfmoeConfig = AfmoeConfig> extends ForSequenceClassification<C> {
  static readonly family = afmoe;
}

/** AFMoE for token classification. */
export class AfmoeForTokenClassification<C extends AfmoeConfig = AfmoeConfig> extends ForTokenClassification<C> {
  static readonly family = afmoe;
}

/** AFMoE for extractive question answering. */
export class AfmoeForQuestionAnswering<C extends AfmoeConfig = AfmoeConfig> extends ForQuestionAnswering<C> {
  static readonly family = afmoe;
}
