import {
  convert,
  defineFamily,
  deinterleave,
  ForCausalLM,
  from,
  keepFloat32,
  PreNormDecoderLayer,
  rename,
  split,
  transpose,
} from "@mixtape/decoder";
import {
  Experts,
  type FeedForward,
  Linear,
  MoeBlock,
  SoftmaxRouter,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { clampedSwiglu } from "@mixtape/ops";
import { GptOssAttention } from "./attention.js";
import { type GptOssConfig, gptOssConfig } from "./config.js";

/** Constants of `GptOssExperts` in transformers, which no config key changes. */
const GATING = clampedSwiglu({ limit: 7, alpha: 1.702 });

/** Router whose gate has a bias. Its weights are the softmax over the logits of the selected experts. */
export class GptOssRouter<C extends GptOssConfig = GptOssConfig> extends SoftmaxRouter<C> {
  protected override buildGate({ hiddenSize, numExperts }: C): Linear {
    return new Linear(hiddenSize, numExperts, { bias: true });
  }
}

/** Attention with sinks, and a mixture of experts with biases in the router and the experts. */
export class GptOssDecoderLayer<C extends GptOssConfig = GptOssConfig> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return new GptOssAttention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    const experts = new Experts(config, { bias: true, gating: GATING });
    return new MoeBlock({ router: this.buildRouter(config, layer), experts });
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new GptOssRouter(config);
  }
}

/**
 * The family GPT-OSS: its config, layer and names on disk, where expert matrices have the input dimension first, and
 * gate and up in alternating columns; those of mlx-lm are as in memory.
 */
export const gptOss = defineFamily({
  name: "GptOss",
  config: gptOssConfig,
  layer: GptOssDecoderLayer,
  names: [
    rename("self_attn.sink_scores", "self_attn.sinks"),
    rename("mlp.router.gate.*", "mlp.router.*"),
    convert(
      ["mlp.experts.gate_proj", "mlp.experts.up_proj"],
      from("mlp.experts.gate_up_proj", transpose(), deinterleave(2, 1), split(1)),
      from(["mlp.experts.gate_proj.weight", "mlp.experts.up_proj.weight"]),
    ),
    convert(
      ["mlp.experts.gate_proj_bias", "mlp.experts.up_proj_bias"],
      from("mlp.experts.gate_up_proj_bias", deinterleave(2, 1), split(1)),
      from(["mlp.experts.gate_proj.bias", "mlp.experts.up_proj.bias"]),
    ),
    convert("mlp.experts.down_proj", from("mlp.experts.down_proj", transpose()), from("mlp.experts.down_proj.weight")),
    rename("mlp.experts.down_proj_bias", "mlp.experts.down_proj_bias", "mlp.experts.down_proj.bias"),
    keepFloat32("*norm.weight", ["F16"]),
  ],
});

/**
 * GPT-OSS (OpenAI 2025, https://arxiv.org/abs/2508.10925) with a causal language modelling head. Reads checkpoints as
 * released, in MXFP4, and in bfloat16, float16 or float32.
 *
 * ```ts
 * const model = await GptOssForCausalLM.fromPretrained("./gpt-oss-20b-bf16");
 * ```
 */
export class GptOssForCausalLM<C extends GptOssConfig = GptOssConfig> extends ForCausalLM<C> {
  static readonly family = gptOss;
}
