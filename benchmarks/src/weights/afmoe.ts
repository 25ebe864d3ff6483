import { headNorms, projections } from "./attention.js";
import { bias, experts, type MoeSizes, matrix, norm, type RandomModel, router, type Weight } from "./model.js";
import type { Distribution } from "./values.js";

/**
 * Scale of a layer's output, set by the norm after it. Small, so that 56 layers' averages over all tokens do not
 * outweigh the token itself.
 */
const POST_NORM: Distribution = { mean: 0.0625, deviation: 0.00390625 };
/** The model multiplies them by the square root of its hidden size. */
const TOKENS: Distribution = { mean: 0, deviation: 0.04 };

export interface AfmoeSizes extends MoeSizes {
  /** Number of initial layers with a dense feed-forward. */
  readonly denseLayers: number;
  readonly denseWidth: number;
  readonly sharedExperts: number;
  readonly window: number;
}

/** AFMoE, whose every fourth layer has full attention and the others a window. */
export function afmoe(sizes: AfmoeSizes): RandomModel {
  const { layers, vocab, hidden, heads, kvHeads, headDim, window } = sizes;
  const { denseLayers, denseWidth, width, experts: count, perToken, sharedExperts: shared } = sizes;

  const gatedMlp = (hf: string, gguf: string, suffix: string, size: number): Weight[] => [
    matrix(`${hf}.gate_proj.weight`, `${gguf}.ffn_gate${suffix}.weight`, [size, hidden]),
    matrix(`${hf}.up_proj.weight`, `${gguf}.ffn_up${suffix}.weight`, [size, hidden]),
    matrix(`${hf}.down_proj.weight`, `${gguf}.ffn_down${suffix}.weight`, [hidden, size]),
  ];
  const moe = (hf: string, gguf: string): Weight[] => [
    router(`${hf}.router.gate.weight`, `${gguf}.ffn_gate_inp.weight`, [count, hidden]),
    bias(`${hf}.expert_bias`, `${gguf}.exp_probs_b.bias`, count),
    ...gatedMlp(`${hf}.shared_experts`, gguf, "_shexp", shared * width),
    experts(`${hf}.experts.*.gate_proj.weight`, `${gguf}.ffn_gate_exps.weight`, count, [width, hidden]),
    experts(`${hf}.experts.*.up_proj.weight`, `${gguf}.ffn_up_exps.weight`, count, [width, hidden]),
    experts(`${hf}.experts.*.down_proj.weight`, `${gguf}.ffn_down_exps.weight`, count, [hidden, width]),
  ];
  const layer = (i: number): Weight[] => {
    const [hf, gguf] = [`model.layers.${i}`, `blk.${i}`];
    return [
      norm(`${hf}.input_layernorm.weight`, `${gguf}.attn_norm.weight`, hidden),
      ...projections(i, sizes),
      ...headNorms(i, headDim),
      matrix(`${hf}.self_attn.gate_proj.weight`, `${gguf}.attn_gate.weight`, [heads * headDim, hidden]),
      norm(`${hf}.post_attention_layernorm.weight`, `${gguf}.post_attention_norm.weight`, hidden, POST_NORM),
      norm(`${hf}.pre_mlp_layernorm.weight`, `${gguf}.ffn_norm.weight`, hidden),
      ...(i < denseLayers ? gatedMlp(`${hf}.mlp`, gguf, "", denseWidth) : moe(`${hf}.mlp`, gguf)),
      norm(`${hf}.post_mlp_layernorm.weight`, `${gguf}.post_ffw_norm.weight`, hidden, POST_NORM),
    ];
  };
  return {
    config: {
      architectures: ["AfmoeForCausalLM"],
      attention_bias: false,
      attention_dropout: 0,
      bos_token_id: null,
      dtype: "bfloat16",
      eos_token_id: null,
      global_attn_every_n_layers: 4,
      head_dim: headDim,
      hidden_act: "silu",
      hidden_size: hidden,
      initializer_range: 0.02,
      intermediate_size: denseWidth,
      layer_types: Array.from({ length: layers }, (_, i) =>
        (i + 1) % 4 === 0 ? "full_attention" : "sliding_attention",
      ),
      max_position_embeddings: 131_072,
      model_type: "afmoe",
      moe_intermediate_size: width,
      mup_enabled: true,
      num_attention_heads: heads,
      num_dense_layers: denseLayers,
      num_experts: count,
      num_experts_per_tok: perToken,
      num_hidden_layers: layers,
      num_key_value_heads: kvHeads,
      num_shared_experts: shared,
      output_router_logits: false,
      pad_token_id: null,
      rms_norm_eps: 1e-5,
      rope_parameters: { rope_theta: 10_000, rope_type: "default" },
      route_scale: 2.826,
      sliding_window: window,
      tie_word_embeddings: false,
      use_cache: true,
      vocab_size: vocab,
    },
    architecture: "afmoe",
    metadata: {
      block_count: layers,
      context_length: 131_072,
      embedding_length: hidden,
      feed_forward_length: denseWidth,
      "attention.head_count": heads,
      "attention.head_count_kv": kvHeads,
      "attention.key_length": headDim,
      "attention.value_length": headDim,
      "attention.layer_norm_rms_epsilon": { float32: 1e-5 },
      "attention.sliding_window": window,
      "rope.freq_base": { float32: 10_000 },
      leading_dense_block_count: denseLayers,
      expert_count: count,
      expert_used_count: perToken,
      expert_feed_forward_length: width,
      expert_shared_count: shared,
      // Sigmoid.
      expert_gating_func: 2,
      expert_weights_norm: true,
      expert_weights_scale: { float32: 2.826 },
    },
    weights: [
      matrix("model.embed_tokens.weight", "token_embd.weight", [vocab, hidden], TOKENS),
      ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
      norm("model.norm.weight", "output_norm.weight", hidden),
      matrix("lm_head.weight", "output.weight", [vocab, hidden]),
    ],
  };
}
