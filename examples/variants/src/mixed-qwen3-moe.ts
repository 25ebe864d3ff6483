import { type ConfigOf, defineConfig, type LayerType, listOf, oneOf } from "@mixtape/config";
import { ForCausalLM } from "@mixtape/decoder";
import { GatedDeltaNet, LatentAttention, QKNormAttention } from "@mixtape/layers";
import { qwen3Moe, qwen3MoeConfig } from "@mixtape/qwen3-moe";

const mla = { qLoraRank: null, kvLoraRank: 8, qkNopeHeadDim: 4, qkRopeHeadDim: 8, vHeadDim: 4, ropeInterleave: true };
const recurrent = { linearNumKeyHeads: 2, linearNumValueHeads: 4, linearKeyHeadDim: 4, linearValueHeadDim: 8 };

const config = defineConfig({
  modelType: "mixed-qwen3-moe",
  extends: qwen3MoeConfig,
  fields: { mixers: listOf(oneOf("full", "sliding", "latent", "recurrent"), "mixers") },
  derive: ({ mixers }) => ({
    layerTypes: mixers.map((mixer): LayerType => (mixer === "sliding" ? "sliding_attention" : "full_attention")),
  }),
});

const family = qwen3Moe.extend({
  config,
  buildMixer: (config, layer) => {
    if (config.mixers[layer] === "latent") return new LatentAttention({ ...config, ...mla }, layer);
    if (config.mixers[layer] !== "recurrent") return new QKNormAttention(config, layer);
    return new GatedDeltaNet({ ...config, ...recurrent, linearConvKernelDim: 4 });
  },
});

/** Qwen3-MoE with full, sliding and latent attention and recurrent layers in one stack, each with its own cache. */
export class MixedQwen3MoeForCausalLM extends ForCausalLM<ConfigOf<typeof config>> {
  static readonly family = family;
}
