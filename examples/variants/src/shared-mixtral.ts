import { type ConfigOf, count, defineConfig } from "@mixtape/config";
import { Experts, type FeedForward, GatedMlp, MoeBlock } from "@mixtape/layers";
import { MixtralDecoderLayer, MixtralForCausalLM, MixtralModel, mixtralConfig } from "@mixtape/mixtral";

const sharedMixtralConfig = defineConfig({
  modelType: "shared-mixtral",
  extends: mixtralConfig,
  fields: { numSharedExperts: count().default(1) },
});
type SharedMixtralConfig = ConfigOf<typeof sharedMixtralConfig>;

/** Mixtral with experts that every token goes to, beside those that it is routed to. */
export class SharedMixtralForCausalLM extends MixtralForCausalLM<SharedMixtralConfig> {
  static override readonly config = sharedMixtralConfig;

  protected override buildModel(config: SharedMixtralConfig): SharedMixtralModel {
    return new SharedMixtralModel(config);
  }
}

class SharedMixtralModel extends MixtralModel<SharedMixtralConfig> {
  protected override buildLayer(config: SharedMixtralConfig, layer: number): SharedMixtralLayer {
    return new SharedMixtralLayer(config, layer);
  }
}

class SharedMixtralLayer extends MixtralDecoderLayer<SharedMixtralConfig> {
  protected override buildMoe(config: SharedMixtralConfig, layer: number): FeedForward {
    const sharedExperts = new GatedMlp(config, config.moeIntermediateSize * config.numSharedExperts);
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), sharedExperts });
  }
}
