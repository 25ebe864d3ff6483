import { defineFamily, expertWeights, ForCausalLM, PreNormDecoderLayer, rename } from "@mixtape/decoder";
import {
  Attention,
  type FeedForward,
  gatedSharedMoe,
  SoftmaxRouter,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { type Qwen2MoeConfig, qwen2MoeConfig } from "./config.js";

/**
 * Biases on queries, keys and values, none on the output; a shared expert with a sigmoid gate beside the routed ones.
 */
export class Qwen2MoeDecoderLayer<C extends Qwen2MoeConfig = Qwen2MoeConfig> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new Attention({ ...config, attentionBias: config.qkvBias }, layer, { outputBias: false });
  }

  override buildMoe(config: C, layer: number): FeedForward {
    return gatedSharedMoe(config, this.buildRouter(config, layer));
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** The family Qwen2-MoE: its config, layer and names on disk. */
export const qwen2Moe = defineFamily({
  name: "Qwen2Moe",
  config: qwen2MoeConfig,
  layer: Qwen2MoeDecoderLayer,
  names: [
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    rename("mlp.shared_experts.gate.weight", "mlp.shared_expert_gate.weight"),
    rename("mlp.shared_experts.mlp.*", "mlp.shared_expert.*"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ],
});

/**
 * Qwen2-MoE (Qwen Team 2024, https://arxiv.org/abs/2407.10671) with its language modelling head.
 *
 * ```ts
 * const model = await Qwen2MoeForCausalLM.fromPretrained("./Qwen1.5-MoE-A2.7B");
 * ```
 */
export class Qwen2MoeForCausalLM<C extends Qwen2MoeConfig = Qwen2MoeConfig> extends ForCausalLM<C> {
  static readonly family = qwen2Moe;
}
