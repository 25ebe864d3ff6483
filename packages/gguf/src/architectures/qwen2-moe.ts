import type { Architecture } from "./architecture.js";
import { requireExperts } from "./common-config.js";
import { denseLayers, expertWidth } from "./expert-layers.js";
import { ModelKeys } from "./model-keys.js";

/** Qwen2-MoE: a shared expert with a gate; the weights of the selected experts are not normalised. */
export const qwen2Moe: Architecture = {
  name: "qwen2moe",
  config(model) {
    const keys = new ModelKeys(model);
    keys.require("expert_weights_scale", [0, 1]);
    const shared = keys.count("expert_shared_feed_forward_length");
    return {
      model_type: "qwen2_moe",
      architectures: ["Qwen2MoeForCausalLM"],
      num_experts: requireExperts(model, keys),
      num_experts_per_tok: keys.required("expert_used_count"),
      moe_intermediate_size: expertWidth(model, keys),
      shared_expert_intermediate_size: shared ?? keys.shape("blk.0.ffn_up_shexp.weight", 2)[0],
      norm_topk_prob: false,
      decoder_sparse_step: 1,
      mlp_only_layers: denseLayers(model),
      qkv_bias: model.tensors.has("blk.0.attn_q.bias"),
    };
  },
  layerNames: {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_q.bias": "self_attn.q_proj.bias",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_k.bias": "self_attn.k_proj.bias",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_v.bias": "self_attn.v_proj.bias",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate_inp.weight": "mlp.gate.weight",
    "ffn_gate_inp_shexp.weight": "mlp.shared_expert_gate.weight",
    "ffn_gate_shexp.weight": "mlp.shared_expert.gate_proj.weight",
    "ffn_up_shexp.weight": "mlp.shared_expert.up_proj.weight",
    "ffn_down_shexp.weight": "mlp.shared_expert.down_proj.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
  },
  experts: {
    gate: "mlp.experts.*.gate_proj.weight",
    up: "mlp.experts.*.up_proj.weight",
    down: "mlp.experts.*.down_proj.weight",
  },
  // llama.cpp has the gate as a vector.
  shape: (name, shape) => (name === "ffn_gate_inp_shexp.weight" && shape.length === 1 ? [1, ...shape] : shape),
};
