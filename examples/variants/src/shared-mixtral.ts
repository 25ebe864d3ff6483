import { type ConfigOf, count, defineConfig } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { Experts, type FeedForward, GatedMlp, MoeBlock } from "@mixtape/layers";
import { MixtralDecoderLayer, mixtral, mixtralConfig } from "@mixtape/mixtral";

const fields = { numSharedExperts: count().default(1) };
const config = defineConfig({ modelType: "shared-mixtral", extends: mixtralConfig, fields });
type SharedMixtralConfig = ConfigOf<typeof config>;

class SharedMixtralLayer extends MixtralDecoderLayer<SharedMixtralConfig> {
  protected override buildMoe(config: SharedMixtralConfig, layer: number): FeedForward {
    const sharedExperts = new GatedMlp(config, config.moeIntermediateSize * config.numSharedExperts);
    return new MoeBlock({ router: this.buildRouter(config, layer), experts: new Experts(config), sharedExperts });
  }
}

/** Mixtral with experts that every token goes to, beside those that it is routed to. */
export class SharedMixtralForCausalLM extends ForCausalLM<SharedMixtralConfig> {
  static readonly family = { ...mixtral, config, layer: SharedMixtralLayer };
}
