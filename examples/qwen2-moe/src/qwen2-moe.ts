import { DecoderModel, expertRules, LoadBalancedCausalLM, PreNormDecoderLayer, rule, tensor } from "@mixtape/decoder";
import { Attention, Experts, type FeedForward, GatedSharedExpert, MoeBlock, SoftmaxRouter } from "@mixtape/layers";
import { type Qwen2MoeConfig, qwen2MoeConfig } from "./config.js";

/** Biases on queries, keys and values, none on the output. Beside the routed experts, a shared one with a gate of its own. */
class Qwen2MoeDecoderLayer extends PreNormDecoderLayer<Qwen2MoeConfig> {
  protected override buildMixer(config: Qwen2MoeConfig, layer: number): Attention {
    return new Attention({ ...config, attentionBias: config.qkvBias }, layer, { outputBias: false });
  }

  protected override buildMoe(config: Qwen2MoeConfig): FeedForward {
    return new MoeBlock({
      router: new SoftmaxRouter(config),
      experts: new Experts(config),
      sharedExperts: new GatedSharedExpert(config, config.sharedExpertIntermediateSize),
    });
  }
}

class Qwen2MoeModel extends DecoderModel<Qwen2MoeConfig> {
  protected override buildLayer(config: Qwen2MoeConfig, layer: number): Qwen2MoeDecoderLayer {
    return new Qwen2MoeDecoderLayer(config, layer);
  }
}

export class Qwen2MoeForCausalLM extends LoadBalancedCausalLM<Qwen2MoeConfig> {
  static readonly config = qwen2MoeConfig;
  static readonly names = [
    rule("mlp.router.gate.weight", tensor("mlp.gate.weight")),
    rule("mlp.shared_experts.gate.weight", tensor("mlp.shared_expert_gate.weight")),
    rule("mlp.shared_experts.mlp.gate_proj.weight", tensor("mlp.shared_expert.gate_proj.weight")),
    rule("mlp.shared_experts.mlp.up_proj.weight", tensor("mlp.shared_expert.up_proj.weight")),
    rule("mlp.shared_experts.mlp.down_proj.weight", tensor("mlp.shared_expert.down_proj.weight")),
    ...expertRules({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ];

  protected override buildModel(config: Qwen2MoeConfig): Qwen2MoeModel {
    return new Qwen2MoeModel(config);
  }
}
