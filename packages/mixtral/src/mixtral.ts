import { DecoderModel, expertWeights, LoadBalancedCausalLM, PreNormDecoderLayer, rename } from "@mixtape/decoder";
import { Experts, type FeedForward, MoeBlock, SoftmaxRouter, type TokenRouter } from "@mixtape/layers";
import { type MixtralConfig, mixtralConfig } from "./config.js";

/** Every layer is a mixture: softmax probabilities, the chosen ones made to sum to 1. */
export class MixtralDecoderLayer<C extends MixtralConfig = MixtralConfig> extends PreNormDecoderLayer<C> {
  protected override buildMoe(config: C, layer: number): FeedForward {
    const { routerJitterNoise: jitterNoise } = config;
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), jitterNoise });
  }

  protected buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** Mixtral without a head. */
export class MixtralModel<C extends MixtralConfig = MixtralConfig> extends DecoderModel<C> {
  protected override buildLayer(config: C, layer: number): MixtralDecoderLayer<C> {
    return new MixtralDecoderLayer(config, layer);
  }
}

/**
 * Mixtral (Jiang et al. 2024, https://arxiv.org/abs/2401.04088) with its language modelling head.
 *
 * ```ts
 * const model = await MixtralForCausalLM.fromPretrained("./Mixtral-8x7B-v0.1");
 * ```
 */
export class MixtralForCausalLM<C extends MixtralConfig = MixtralConfig> extends LoadBalancedCausalLM<C> {
  static readonly config = mixtralConfig;
  static readonly names = [
    rename("mlp.*", "block_sparse_moe.*", "mlp.*"),
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    ...expertWeights({ gate: "w1", up: "w3", down: "w2" }),
  ];

  protected override buildModel(config: C): DecoderModel<C> {
    return new MixtralModel(config);
  }
}
