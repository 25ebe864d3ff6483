import { type ConfigOf, defineConfig, layerTypeList, number } from "@mixtape/config";
import { SigmoidBiasRouter, type TokenRouter } from "@mixtape/layers";
import { Qwen3MoeDecoderLayer, Qwen3MoeForCausalLM, Qwen3MoeModel, qwen3MoeConfig } from "@mixtape/qwen3-moe";

const slidingQwen3MoeConfig = defineConfig({
  modelType: "sliding-qwen3-moe",
  extends: qwen3MoeConfig,
  fields: { layerTypes: layerTypeList(), routeScale: number().default(1) },
});
type SlidingQwen3MoeConfig = ConfigOf<typeof slidingQwen3MoeConfig>;

/** Qwen3-MoE whose layers slide where its config says so, and whose router scores by sigmoid and balances by a bias. */
export class SlidingQwen3MoeForCausalLM extends Qwen3MoeForCausalLM<SlidingQwen3MoeConfig> {
  static override readonly config = slidingQwen3MoeConfig;

  protected override buildModel(config: SlidingQwen3MoeConfig): SlidingQwen3MoeModel {
    return new SlidingQwen3MoeModel(config);
  }
}

class SlidingQwen3MoeModel extends Qwen3MoeModel<SlidingQwen3MoeConfig> {
  protected override buildLayer(config: SlidingQwen3MoeConfig, layer: number): SlidingQwen3MoeLayer {
    return new SlidingQwen3MoeLayer(config, layer);
  }
}

class SlidingQwen3MoeLayer extends Qwen3MoeDecoderLayer<SlidingQwen3MoeConfig> {
  protected override buildRouter(config: SlidingQwen3MoeConfig): TokenRouter {
    return new SigmoidBiasRouter(config);
  }
}
