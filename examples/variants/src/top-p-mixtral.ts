import { type ConfigOf, defineConfig, number } from "@mixtape/config";
import { TopPRouter } from "@mixtape/layers";
import { MixtralDecoderLayer, MixtralForCausalLM, MixtralModel, mixtralConfig } from "@mixtape/mixtral";

const topPMixtralConfig = defineConfig({
  modelType: "top-p-mixtral",
  extends: mixtralConfig,
  fields: { topP: number({ min: 0, max: 1 }).default(0.5) },
});
type TopPMixtralConfig = ConfigOf<typeof topPMixtralConfig>;

/** Mixtral whose tokens go to as many experts as it takes to be sure (Huang et al. 2024, https://arxiv.org/abs/2403.07652). */
export class TopPMixtralForCausalLM extends MixtralForCausalLM<TopPMixtralConfig> {
  static override readonly config = topPMixtralConfig;

  protected override buildModel(config: TopPMixtralConfig): TopPMixtralModel {
    return new TopPMixtralModel(config);
  }
}

class TopPMixtralModel extends MixtralModel<TopPMixtralConfig> {
  protected override buildLayer(config: TopPMixtralConfig, layer: number): TopPMixtralLayer {
    return new TopPMixtralLayer(config, layer);
  }
}

class TopPMixtralLayer extends MixtralDecoderLayer<TopPMixtralConfig> {
  protected override buildRouter(config: TopPMixtralConfig): TopPRouter {
    return new TopPRouter(config);
  }
}
