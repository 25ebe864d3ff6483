import { AfmoeForCausalLM, afmoe } from "@mixtape/afmoe";
import { SoftmaxRouter } from "@mixtape/layers";

/** AFMoE's attention and shared experts, with routed experts selected by softmax probabilities. */
export class SoftmaxAfmoeForCausalLM extends AfmoeForCausalLM {
  static override readonly family = afmoe.extend({
    modelType: "softmax-afmoe",
    buildRouter: (config) => new SoftmaxRouter(config),
  });
}
