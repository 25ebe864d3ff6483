import { interleavedProjections } from "./attention.js";
import { experts, type MoeSizes, matrix, norm, type RandomModel, router, TOKENS, type Weight } from "./model.js";

/** Mixtral, whose head width is the hidden size divided by the number of heads. */
export function mixtral(sizes: MoeSizes): RandomModel {
  const { layers, vocab, hidden, heads, kvHeads, headDim, width, experts: count, perToken } = sizes;
  const layer = (i: number): Weight[] => {
    const [hf, gguf] = [`model.layers.${i}`, `blk.${i}`];
    const moe = `${hf}.block_sparse_moe`;
    return [
      norm(`${hf}.input_layernorm.weight`, `${gguf}.attn_norm.weight`, hidden),
      ...interleavedProjections(i, sizes),
      norm(`${hf}.post_attention_layernorm.weight`, `${gguf}.ffn_norm.weight`, hidden),
      router(`${moe}.gate.weight`, `${gguf}.ffn_gate_inp.weight`, [count, hidden]),
      experts(`${moe}.experts.*.w1.weight`, `${gguf}.ffn_gate_exps.weight`, count, [width, hidden]),
      experts(`${moe}.experts.*.w3.weight`, `${gguf}.ffn_up_exps.weight`, count, [width, hidden]),
      experts(`${moe}.experts.*.w2.weight`, `${gguf}.ffn_down_exps.weight`, count, [hidden, width]),
    ];
  };
  return {
    config: {
      architectures: ["MixtralForCausalLM"],
      attention_dropout: 0,
      bos_token_id: null,
      dtype: "bfloat16",
      eos_token_id: null,
      hidden_act: "silu",
      hidden_size: hidden,
      initializer_range: 0.02,
      intermediate_size: width,
      max_position_embeddings: 32_768,
      model_type: "mixtral",
      num_attention_heads: heads,
      num_experts_per_tok: perToken,
      num_hidden_layers: layers,
      num_key_value_heads: kvHeads,
      num_local_experts: count,
      output_router_logits: false,
      rms_norm_eps: 1e-5,
      rope_parameters: { rope_theta: 1_000_000, rope_type: "default" },
      router_aux_loss_coef: 0.02,
      sliding_window: null,
      tie_word_embeddings: false,
      use_cache: true,
      vocab_size: vocab,
    },
    architecture: "llama",
    metadata: {
      block_count: layers,
      context_length: 32_768,
      embedding_length: hidden,
      feed_forward_length: width,
      "attention.head_count": heads,
      "attention.head_count_kv": kvHeads,
      "attention.layer_norm_rms_epsilon": { float32: 1e-5 },
      "rope.dimension_count": headDim,
      "rope.freq_base": { float32: 1_000_000 },
      expert_count: count,
      expert_used_count: perToken,
    },
    weights: [
      matrix("model.embed_tokens.weight", "token_embd.weight", [vocab, hidden], TOKENS),
      ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
      norm("model.norm.weight", "output_norm.weight", hidden),
      matrix("lm_head.weight", "output.weight", [vocab, hidden]),
    ],
  };
}
