import { type ConfigOf, layerTypeList, number } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { SigmoidBiasRouter } from "@mixtape/layers";
import { qwen3Moe } from "@mixtape/qwen3-moe";

const family = qwen3Moe.extend({
  modelType: "sliding-qwen3-moe",
  fields: { layerTypes: layerTypeList(), routeScale: number().default(1) },
  buildRouter: (config) => new SigmoidBiasRouter(config),
});

/** Qwen3-MoE whose layers slide where its config says so, and whose router has sigmoid scores and a balancing bias. */
export class SlidingQwen3MoeForCausalLM extends ForCausalLM<ConfigOf<typeof family.config>> {
  static readonly family = family;
}
