import { type AfmoeConfig, AfmoeDecoderLayer, afmoe } from "@mixtape/afmoe";
import { CausalLM, extendFamily } from "@mixtape/decoder";
import { SoftmaxRouter } from "@mixtape/layers";

class SoftmaxAfmoeLayer extends AfmoeDecoderLayer {
  protected override buildRouter(config: AfmoeConfig): SoftmaxRouter {
    return new SoftmaxRouter(config);
  }
}

/** AFMoE's attention and shared experts, its routed experts chosen by softmax probabilities. */
export class SoftmaxAfmoeForCausalLM extends CausalLM<AfmoeConfig> {
  static readonly family = extendFamily(afmoe, { modelType: "softmax-afmoe", layer: SoftmaxAfmoeLayer });
}
