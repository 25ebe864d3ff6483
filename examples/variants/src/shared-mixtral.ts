import { Experts, GatedMlp, MoeBlock } from "@mixtape/layers";
import { MixtralForCausalLM, mixtral } from "@mixtape/mixtral";

/** Mixtral with a shared expert beside the routed ones. */
export class SharedMixtralForCausalLM extends MixtralForCausalLM {
  static override readonly family = mixtral.extend({
    modelType: "shared-mixtral",
    buildMoe(config, layer) {
      const sharedExperts = new GatedMlp(config, config.moeIntermediateSize);
      return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), sharedExperts });
    },
  });
}
