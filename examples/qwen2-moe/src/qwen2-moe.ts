import { DecoderModel, expertWeights, LoadBalancedCausalLM, PreNormDecoderLayer, rename } from "@mixtape/decoder";
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
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    rename("mlp.shared_experts.gate.weight", "mlp.shared_expert_gate.weight"),
    rename("mlp.shared_experts.mlp.*", "mlp.shared_expert.*"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ];

  protected override buildModel(config: Qwen2MoeConfig): Qwen2MoeModel {
    return new Qwen2MoeModel(config);
  }
}
