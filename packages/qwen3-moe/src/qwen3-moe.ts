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
import {
  Experts,
  type FeedForward,
  MoeBlock,
  QKNormAttention,
  SoftmaxRouter,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { type Qwen3MoeConfig, qwen3MoeConfig } from "./config.js";

/** QK-norm; layers that are sparse in the config are mixtures of experts. */
export class Qwen3MoeDecoderLayer<C extends Qwen3MoeConfig = Qwen3MoeConfig> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new QKNormAttention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config) });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** The family Qwen3-MoE: its config, layer and names on disk. */
export const qwen3Moe = defineFamily({
  name: "Qwen3Moe",
  config: qwen3MoeConfig,
  layer: Qwen3MoeDecoderLayer,
  names: [
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ],
  // transformers keeps an older name there.
  headPrefixes: { ForQuestionAnswering: "transformer" },
});

/**
 * Qwen3-MoE (Qwen Team 2025, https://arxiv.org/abs/2505.09388) with its language modelling head.
 *
 * ```ts
 * const model = await Qwen3MoeForCausalLM.fromPretrained("./Qwen3-30B-A3B");
 * ```
 */
export class Qwen3MoeForCausalLM<C extends Qwen3MoeConfig = Qwen3MoeConfig> extends ForCausalLM<C> {
  static readonly family = qwen3Moe;
}

/** Qwen3-MoE without a head: hidden states and embeddings. */
export class Qwen3MoeModel<C extends Qwen3MoeConfig = Qwen3MoeConfig> extends BaseModel<C> {
  static readonly family = qwen3Moe;
}

/** Qwen3-MoE for sequence classification. */
export class Qwen3MoeForSequenceClassification<
  C extends Qwen3MoeConfig = Qwen3MoeConfig,
> extends ForSequenceClassification<C> {
  static readonly family = qwen3Moe;
}

/** Qwen3-MoE for token classification. */
export class Qwen3MoeForTokenClassification<
  C extends Qwen3MoeConfig = Qwen3MoeConfig,
> extends ForTokenClassification<C> {
  static readonly family = qwen3Moe;
}

/** Qwen3-MoE for extractive question answering. */
export class Qwen3MoeForQuestionAnswering<C extends Qwen3MoeConfig = Qwen3MoeConfig> extends ForQuestionAnswering<C> {
  static readonly family = qwen3Moe;
}
