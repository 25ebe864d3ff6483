import { permutedRows, uninterleavedHeads } from "../tensors/permuted-rows.js";
import type { Architecture } from "./architecture.js";
import { requireExperts } from "./common-config.js";
import { ModelKeys } from "./model-keys.js";

/** `llama` with experts: Mixtral. The rows of its queries and keys are interleaved. */
export const llama: Architecture = {
  name: "llama",
  config(model) {
    const keys = new ModelKeys(model);
    const experts = requireExperts(model, keys);
    keys.require("expert_weights_scale", [0, 1]);
    const width = keys.count("expert_feed_forward_length");
    return {
      model_type: "mixtral",
      architectures: ["MixtralForCausalLM"],
      num_local_experts: experts,
      num_experts_per_tok: keys.required("expert_used_count"),
      ...(width !== undefined && { intermediate_size: width }),
      sliding_window: null,
    };
  },
  layerNames: {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate_inp.weight": "block_sparse_moe.gate.weight",
  },
  experts: {
    gate: "block_sparse_moe.experts.*.w1.weight",
    up: "block_sparse_moe.experts.*.w3.weight",
    down: "block_sparse_moe.experts.*.w2.weight",
  },
  arrange(name, view, model) {
    const keys = new ModelKeys(model);
    const heads = keys.required("attention.head_count");
    if (name === "attn_q.weight") return permutedRows(view, uninterleavedHeads(view.shape[0]!, heads));
    if (name !== "attn_k.weight") return view;
    const keyHeads = keys.count("attention.head_count_kv") ?? heads;
    return permutedRows(view, uninterleavedHeads(view.shape[0]!, keyHeads));
  },
};
