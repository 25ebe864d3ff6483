import { AfmoeForCausalLM, afmoe } from "@mixtape/afmoe";
import { SoftmaxRouter } from "@mixtape/layers";

/** AFMoE's attention and shared experts, its routed experts chosen by softmax probabilities. */
export class SoftmaxAfmoeForCausalLM extends AfmoeForCausalLM {
  static override readonly family = afmoe.extend({
    modelType: "softmax-afmoe",
    buildRouter: (config) => new SoftmaxRouter(config),
  });
}
