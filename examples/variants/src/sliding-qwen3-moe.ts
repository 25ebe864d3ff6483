import { type ConfigOf, defineConfig, layerTypeList, number } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { SigmoidBiasRouter, type TokenRouter } from "@mixtape/layers";
import { Qwen3MoeDecoderLayer, qwen3Moe, qwen3MoeConfig } from "@mixtape/qwen3-moe";

const fields = { layerTypes: layerTypeList(), routeScale: number().default(1) };
const config = defineConfig({ modelType: "sliding-qwen3-moe", extends: qwen3MoeConfig, fields });
type SlidingQwen3MoeConfig = ConfigOf<typeof config>;

class SlidingQwen3MoeLayer extends Qwen3MoeDecoderLayer<SlidingQwen3MoeConfig> {
  protected override buildRouter(config: SlidingQwen3MoeConfig): TokenRouter {
    return new SigmoidBiasRouter(config);
  }
}

/** Qwen3-MoE whose layers slide where its config says so, and whose router scores by sigmoid and balances by a bias. */
export class SlidingQwen3MoeForCausalLM extends ForCausalLM<SlidingQwen3MoeConfig> {
  static readonly family = { ...qwen3Moe, config, layer: SlidingQwen3MoeLayer };
}
