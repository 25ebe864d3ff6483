import {
  defineFamily,
  expertWeights,
  ForCausalLM,
  ignore,
  keepFloat32,
  PreNormDecoderLayer,
  rename,
  type WeightMapping,
} from "@mixtape/decoder";
import {
  Experts,
  type FeedForward,
  GatedMlp,
  GroupLimitedRouter,
  MoeBlock,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { DeepseekV3Attention } from "./attention.js";
import { type DeepseekV3Config, deepseekV3Config } from "./config.js";

/** Latent attention; after the dense layers, shared and routed experts. */
export class DeepseekV3DecoderLayer<C extends DeepseekV3Config = DeepseekV3Config> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new DeepseekV3Attention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    const width = config.moeIntermediateSize * config.numSharedExperts;
    const sharedExperts = width > 0 ? new GatedMlp(config, width) : null;
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), sharedExperts });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new GroupLimitedRouter(config);
  }
}

/** The family DeepSeek-V3: its config, layer and names on disk. */
export const deepseekV3 = defineFamily({
  name: "DeepseekV3",
  config: deepseekV3Config,
  layer: DeepseekV3DecoderLayer,
  names: ({ numHiddenLayers, numNextnPredictLayers }: DeepseekV3Config): WeightMapping[] => [
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    rename("mlp.router.expert_bias", "mlp.gate.e_score_correction_bias"),
    keepFloat32("*.e_score_correction_bias"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
    ...Array.from({ length: numNextnPredictLayers }, (_, i) => ignore(`model.layers.${numHiddenLayers + i}.*`)),
  ],
});

/**
 * DeepSeek-V3 (DeepSeek-AI 2024, https://arxiv.org/abs/2412.19437) with a causal language modelling head. The reference
 * has no auxiliary loss for it: the router's bias balances the load. Multi-token prediction layers are not loaded.
 *
 * ```ts
 * const model = await DeepseekV3ForCausalLM.fromPretrained("./Moonlight-16B-A3B");
 * ```
 */
export class DeepseekV3ForCausalLM<C extends DeepseekV3Config = DeepseekV3Config> extends ForCausalLM<C> {
  static readonly family = deepseekV3;
}
