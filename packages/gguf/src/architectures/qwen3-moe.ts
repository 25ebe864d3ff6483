import type { Architecture } from "./architecture.js";
import { requireExperts } from "./common-config.js";
import { denseLayers, expertWidth } from "./expert-layers.js";
import { ModelKeys } from "./model-keys.js";

/** Qwen3-MoE: heads are normalised, the weights of the selected experts sum to 1. */
export const qwen3Moe: Architecture = {
  name: "qwen3moe",
  config(model) {
    const keys = new ModelKeys(model);
    keys.require("expert_weights_scale", [0, 1]);
    return {
      model_type: "qwen3_moe",
      architectures: ["Qwen3MoeForCausalLM"],
      num_experts: requireExperts(model, keys),
      num_experts_per_tok: keys.required("expert_used_count"),
      moe_intermediate_size: expertWidth(model, keys),
      norm_topk_prob: true,
      decoder_sparse_step: 1,
      mlp_only_layers: denseLayers(model),
    };
  },
  layerNames: {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_q_norm.weight": "self_attn.q_norm.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_k_norm.weight": "self_attn.k_norm.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate_inp.weight": "mlp.gate.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
  },
  experts: {
    gate: "mlp.experts.*.gate_proj.weight",
    up: "mlp.experts.*.up_proj.weight",
    down: "mlp.experts.*.down_proj.weight",
  },
};
