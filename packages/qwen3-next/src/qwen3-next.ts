import {
  add,
  convert,
  defineFamily,
  deinterleave,
  expertWeights,
  ForCausalLM,
  from,
  ignore,
  PreNormDecoderLayer,
  rename,
  split,
  squeeze,
  type WeightMapping,
} from "@mixtape/decoder";
import {
  type FeedForward,
  GatedDeltaNet,
  gatedSharedMoe,
  SoftmaxRouter,
  type TokenMixer,
  type TokenRouter,
} from "@mixtape/layers";
import { Qwen3NextAttention } from "./attention.js";
import { type Qwen3NextConfig, qwen3NextConfig } from "./config.js";

/** Gated attention or Gated DeltaNet, and a mixture of experts with a gated shared expert. */
export class Qwen3NextDecoderLayer<C extends Qwen3NextConfig = Qwen3NextConfig> extends PreNormDecoderLayer<C> {
  override buildMixer(config: C, layer: number): TokenMixer {
    return config.layerTypes[layer] === "linear_attention"
      ? new GatedDeltaNet(config)
      : new Qwen3NextAttention(config, layer);
  }

  override buildMoe(config: C, layer: number): FeedForward {
    return gatedSharedMoe(config, this.buildRouter(config, layer));
  }

  buildRouter(config: C, _layer: number): TokenRouter {
    return new SoftmaxRouter(config);
  }
}

/** Norms whose weights on disk are 1 less than their factors. */
const OFFSET_NORMS = [
  "input_layernorm.weight",
  "post_attention_layernorm.weight",
  "q_norm.weight",
  "k_norm.weight",
  "model.norm.weight",
];

function names({ layerTypes, numAttentionHeads, headDim }: Qwen3NextConfig): WeightMapping[] {
  // Each head's query is followed by its gate.
  const gated = (part: string): WeightMapping =>
    convert(
      [`q_proj.${part}`, `gate_proj.${part}`].map((name) => `self_attn.${name}`),
      from(`self_attn.q_proj.${part}`, deinterleave(2 * headDim, 0), split(0), deinterleave(numAttentionHeads, 0)),
    );
  return [
    ...OFFSET_NORMS.map((name) => convert(name, from(name, add(1)))),
    gated("weight"),
    gated("bias"),
    rename("self_attn.a_log", "self_attn.A_log"),
    convert("conv1d.weight", from("conv1d.weight", squeeze(1))),
    rename("mlp.router.gate.weight", "mlp.gate.weight"),
    rename("mlp.shared_experts.gate.weight", "mlp.shared_expert_gate.weight"),
    rename("mlp.shared_experts.mlp.*", "mlp.shared_expert.*"),
    ...expertWeights({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
    ...layerTypes.flatMap((type, i) =>
      type === "linear_attention" ? [rename(`layers.${i}.self_attn.*`, `layers.${i}.linear_attn.*`)] : [],
    ),
    // Multi-token prediction layers.
    ignore("mtp.*"),
  ];
}

/** The family Qwen3-Next: its config, layer and names on disk. */
export const qwen3Next = defineFamily({
  name: "Qwen3Next",
  config: qwen3NextConfig,
  layer: Qwen3NextDecoderLayer,
  names,
  headPrefixes: { ForQuestionAnswering: "transformer" },
});

/**
 * Qwen3-Next (Qwen Team 2025, https://qwenlm.github.io/blog/qwen3_next) with its language modelling head.
 *
 * ```ts
 * const model = await Qwen3NextForCausalLM.fromPretrained("./Qwen3-Next-80B-A3B-Instruct");
 * ```
 */
export class Qwen3NextForCausalLM<C extends Qwen3NextConfig = Qwen3NextConfig> extends ForCausalLM<C> {
  static readonly family = qwen3Next;
}
