import { type ConfigOf, defineConfig, number } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { TopPRouter } from "@mixtape/layers";
import { MixtralDecoderLayer, mixtral, mixtralConfig } from "@mixtape/mixtral";

const fields = { topP: number({ min: 0, max: 1 }).default(0.5) };
const config = defineConfig({ modelType: "top-p-mixtral", extends: mixtralConfig, fields });
type TopPMixtralConfig = ConfigOf<typeof config>;

class TopPMixtralLayer extends MixtralDecoderLayer<TopPMixtralConfig> {
  protected override buildRouter(config: TopPMixtralConfig): TopPRouter {
    return new TopPRouter(config);
  }
}

/** Mixtral whose tokens go to as many experts as it takes to be sure (Huang et al. 2024, https://arxiv.org/abs/2403.07652). */
export class TopPMixtralForCausalLM extends ForCausalLM<TopPMixtralConfig> {
  static readonly family = { ...mixtral, config, layer: TopPMixtralLayer };
}
