import { headNorms, projections } from "./attention.js";
import { experts, type MoeSizes, matrix, norm, type RandomModel, router, TOKENS, type Weight } from "./model.js";

export interface Qwen3MoeSizes extends MoeSizes {
  /** Width of a dense feed-forward, which no layer here has. */
  readonly denseWidth: number;
}

/** Qwen3-MoE, every layer with experts. */
export function qwen3Moe(sizes: Qwen3MoeSizes): RandomModel {
  const { layers, vocab, hidden, heads, kvHeads, headDim, denseWidth, width, experts: count, perToken } = sizes;
  const layer = (i: number): Weight[] => {
    const [hf, gguf] = [`model.layers.${i}`, `blk.${i}`];
    return [
      norm(`${hf}.input_layernorm.weight`, `${gguf}.attn_norm.weight`, hidden),
      ...projections(i, sizes),
      ...headNorms(i, headDim),
      norm(`${hf}.post_attention_layernorm.weight`, `${gguf}.ffn_norm.weight`, hidden),
      router(`${hf}.mlp.gate.weight`, `${gguf}.ffn_gate_inp.weight`, [count, hidden]),
      experts(`${hf}.mlp.experts.*.gate_proj.weight`, `${gguf}.ffn_gate_exps.weight`, count, [width, hidden]),
      experts(`${hf}.mlp.experts.*.up_proj.weight`, `${gguf}.ffn_up_exps.weight`, count, [width, hidden]),
      experts(`${hf}.mlp.experts.*.down_proj.weight`, `${gguf}.ffn_down_exps.weight`, count, [hidden, width]),
    ];
  };
  return {
    config: {
      architectures: ["Qwen3MoeForCausalLM"],
      attention_bias: false,
      attention_dropout: 0,
      bos_token_id: null,
      decoder_sparse_step: 1,
      dtype: "bfloat16",
      eos_token_id: null,
      head_dim: headDim,
      hidden_act: "silu",
      hidden_size: hidden,
      initializer_range: 0.02,
      intermediate_size: denseWidth,
      max_position_embeddings: 40_960,
      mlp_only_layers: [],
      model_type: "qwen3_moe",
      moe_intermediate_size: width,
      norm_topk_prob: true,
      num_attention_heads: heads,
      num_experts: count,
      num_experts_per_tok: perToken,
      num_hidden_layers: layers,
      num_key_value_heads: kvHeads,
      output_router_logits: false,
      pad_token_id: null,
      rms_norm_eps: 1e-6,
      rope_parameters: { rope_theta: 1_000_000, rope_type: "default" },
      router_aux_loss_coef: 0.001,
      sliding_window: null,
      tie_word_embeddings: false,
      use_cache: true,
      use_sliding_window: false,
      vocab_size: vocab,
    },
    architecture: "qwen3moe",
    metadata: {
      block_count: layers,
      context_length: 40_960,
      embedding_length: hidden,
      feed_forward_length: denseWidth,
      "attention.head_count": heads,
      "attention.head_count_kv": kvHeads,
      "attention.key_length": headDim,
      "attention.value_length": headDim,
      "attention.layer_norm_rms_epsilon": { float32: 1e-6 },
      "rope.freq_base": { float32: 1_000_000 },
      expert_count: count,
      expert_used_count: perToken,
      expert_feed_forward_length: width,
    },
    weights: [
      matrix("model.embed_tokens.weight", "token_embd.weight", [vocab, hidden], TOKENS),
      ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
      norm("model.norm.weight", "output_norm.weight", hidden),
      matrix("lm_head.weight", "output.weight", [vocab, hidden]),
    ],
  };
}
