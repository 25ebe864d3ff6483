import { type AfmoeConfig, AfmoeDecoderLayer, AfmoeForCausalLM, AfmoeModel, afmoeConfig } from "@mixtape/afmoe";
import { defineConfig } from "@mixtape/config";
import { SoftmaxRouter, type TokenRouter } from "@mixtape/layers";

/** AFMoE's attention and shared experts, its routed experts chosen by softmax probabilities. */
export class SoftmaxAfmoeForCausalLM extends AfmoeForCausalLM {
  static override readonly config = defineConfig({ modelType: "softmax-afmoe", extends: afmoeConfig });

  protected override buildModel(config: AfmoeConfig): SoftmaxAfmoeModel {
    return new SoftmaxAfmoeModel(config);
  }
}

class SoftmaxAfmoeModel extends AfmoeModel {
  protected override buildLayer(config: AfmoeConfig, layer: number): SoftmaxAfmoeLayer {
    return new SoftmaxAfmoeLayer(config, layer);
  }
}

class SoftmaxAfmoeLayer extends AfmoeDecoderLayer {
  protected override buildRouter(config: AfmoeConfig): TokenRouter {
    return new SoftmaxRouter(config);
  }
}
