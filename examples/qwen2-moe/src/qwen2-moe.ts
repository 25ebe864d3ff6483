import { DecoderModel, expertRules, LoadBalancedCausalLM, PreNormDecoderLayer, rule, tensor } from "@mixtape/decoder";
import { Attention, GatedMlp, Linear, MoeBlock, SoftmaxRouter } from "@mixtape/layers";
import { add, mul, sigmoid, type Tensor2D } from "@tensorflow/tfjs-core";
import { type Qwen2MoeConfig, qwen2MoeConfig } from "./config.js";

/** Routed experts, and a shared one that a gate of its own weighs, token by token. */
class Qwen2MoeBlock extends MoeBlock<Qwen2MoeConfig> {
  readonly sharedExpert: GatedMlp;
  readonly sharedExpertGate: Linear;

  constructor(config: Qwen2MoeConfig) {
    super(config, new SoftmaxRouter(config));
    this.sharedExpert = new GatedMlp(config, config.sharedExpertIntermediateSize);
    this.sharedExpertGate = new Linear(config.hiddenSize, 1);
  }

  protected override combine(routed: Tensor2D, tokens: Tensor2D): Tensor2D {
    const share = sigmoid(this.sharedExpertGate.forward(tokens));
    return add(routed, mul(share, this.sharedExpert.forward(tokens)));
  }
}

/** Biases on queries, keys and values, none on the output. */
class Qwen2MoeDecoderLayer extends PreNormDecoderLayer<Qwen2MoeConfig> {
  protected override buildAttention(config: Qwen2MoeConfig, layer: number): Attention {
    return new Attention({ ...config, attentionBias: config.qkvBias }, layer, { outputBias: false });
  }

  protected override buildMoe(config: Qwen2MoeConfig): MoeBlock {
    return new Qwen2MoeBlock(config);
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
    ...expertRules({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
  ];

  protected override buildModel(config: Qwen2MoeConfig): Qwen2MoeModel {
    return new Qwen2MoeModel(config);
  }
}
