import { type AfmoeConfig, AfmoeDecoderLayer, afmoe } from "@mixtape/afmoe";
import { extendFamily, ForCausalLM } from "@mixtape/decoder";
import { SoftmaxRouter } from "@mixtape/layers";

class SoftmaxAfmoeLayer extends AfmoeDecoderLayer {
  protected override buildRouter(config: AfmoeConfig): SoftmaxRouter {
    return new SoftmaxRouter(config);
  }
}

/** AFMoE's attention and shared experts, its routed experts chosen by softmax probabilities. */
export class SoftmaxAfmoeForCausalLM extends ForCausalLM<AfmoeConfig> {
  static readonly family = extendFamily(afmoe, { modelType: "softmax-afmoe", layer: SoftmaxAfmoeLayer });
}
