import { defineFamily, expertWeights, ForCausalLM, PreNormDecoderLayer, rename } from "@mixtape/decoder";
import { Experts, type FeedForward, MoeBlock, SoftmaxRouter, type TokenMixer, type TokenRouter } from "@mixtape/layers";
import { OlmoeAttention } from "./attention.js";
import { type OlmoeConfig, olmoeConfig } from "./config.js";

/** Every layer is a mixture of experts. */
export class OlmoeDecoderLayer<C extends OlmoeConfig = OlmoeConfig> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new OlmoeAttention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config) });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** The family OLMoE: its config, layer and names on disk. */
export const olmoe = defineFamily({
  name: "Olmoe",
  config: olmoeConfig,
  layer: OlmoeDecoderLayer,
  names: [
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ],
});

/**
 * OLMoE (Muennighoff et al. 2024, https://arxiv.org/abs/2409.02060) with its language modelling head.
 *
 * ```ts
 * const model = await OlmoeForCausalLM.fromPretrained("./OLMoE-1B-7B-0924");
 * ```
 */
export class OlmoeForCausalLM<C extends OlmoeConfig = OlmoeConfig> extends ForCausalLM<C> {
  static readonly family = olmoe;
}
