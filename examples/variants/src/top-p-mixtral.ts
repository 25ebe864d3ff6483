import { type ConfigOf, number } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { TopPRouter } from "@mixtape/layers";
import { mixtral } from "@mixtape/mixtral";

const family = mixtral.extend({
  modelType: "top-p-mixtral",
  fields: { topP: number({ min: 0, max: 1 }).default(0.5) },
  buildRouter: (config) => new TopPRouter(config),
});

/**
 * Mixtral with top-p routing: a token goes to the fewest experts whose probabilities sum to p (Huang et al. 2024,
 * https://arxiv.org/abs/2403.07652).
 */
export class TopPMixtralForCausalLM extends ForCausalLM<ConfigOf<typeof family.config>> {
  static readonly family = family;
}
