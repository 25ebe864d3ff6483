import { defineFamily, expertWeights, ForCausalLM, PreNormDecoderLayer, rename } from "@mixtape/decoder";
import { Attention, Experts, type FeedForward, GatedSharedExpert, MoeBlock, SoftmaxRouter } from "@mixtape/layers";
import { type Qwen2MoeConfig, qwen2MoeConfig } from "./config.js";

/** Biases on queries, keys and values, none on the output; a gated shared expert beside the routed ones. */
class Qwen2MoeDecoderLayer extends PreNormDecoderLayer<Qwen2MoeConfig> {
  override buildMixer(config: Qwen2MoeConfig, layer: number): Attention {
    return new Attention({ ...config, attentionBias: config.qkvBias }, layer, { outputBias: false });
  }

  override buildMoe(config: Qwen2MoeConfig): FeedForward {
    return new MoeBlock({
      router: new SoftmaxRouter(config),
      experts: new Experts(config),
      sharedExperts: new GatedSharedExpert(config, config.sharedExpertIntermediateSize),
    });
  }
}

export class Qwen2MoeForCausalLM extends ForCausalLM<Qwen2MoeConfig> {
  static readonly family = defineFamily({
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
}
