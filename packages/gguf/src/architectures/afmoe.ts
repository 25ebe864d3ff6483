import type { Architecture } from "./architecture.js";
import { requireExperts } from "./common-config.js";
import { expertWidth } from "./expert-layers.js";
import { ModelKeys } from "./model-keys.js";
import { shortestFloat32 } from "./shortest-float32.js";

/** Number of the gating function: sigmoid. */
const SIGMOID = 2;

/**
 * AFMoE (Arcee's Trinity models). What the file does not say is fixed in llama.cpp: embeddings are scaled, and every fourth
 * layer has full attention.
 */
export const afmoe: Architecture = {
  name: "afmoe",
  config(model) {
    const keys = new ModelKeys(model);
    const experts = requireExperts(model, keys);
    keys.require("expert_gating_func", [SIGMOID]);
    keys.require("expert_weights_norm", [true]);
    keys.require("expert_group_count", [0, 1]);
    keys.require("expert_group_used_count", [0, 1]);
    return {
      model_type: "afmoe",
      architectures: ["AfmoeForCausalLM"],
      num_experts: experts,
      num_experts_per_tok: keys.required("expert_used_count"),
      num_shared_experts: keys.count("expert_shared_count") ?? 0,
      moe_intermediate_size: expertWidth(model, keys),
      num_dense_layers: keys.count("leading_dense_block_count") ?? 0,
      route_scale: shortestFloat32(keys.number("expert_weights_scale") ?? 1),
      sliding_window: keys.count("attention.sliding_window") ?? null,
      global_attn_every_n_layers: keys.count("attention.sliding_window_pattern") ?? 4,
      mup_enabled: true,
    };
  },
  layerNames: {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_q_norm.weight": "self_attn.q_norm.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_k_norm.weight": "self_attn.k_norm.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_gate.weight": "self_attn.gate_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "post_attention_norm.weight": "post_attention_layernorm.weight",
    "ffn_norm.weight": "pre_mlp_layernorm.weight",
    "post_ffw_norm.weight": "post_mlp_layernorm.weight",
    "ffn_gate_inp.weight": "mlp.router.gate.weight",
    "exp_probs_b.bias": "mlp.expert_bias",
    exp_probs_b: "mlp.expert_bias",
    "ffn_gate_shexp.weight": "mlp.shared_experts.gate_proj.weight",
    "ffn_up_shexp.weight": "mlp.shared_experts.up_proj.weight",
    "ffn_down_shexp.weight": "mlp.shared_experts.down_proj.weight",
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
