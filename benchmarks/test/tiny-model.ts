import { bias, experts, interleaved, matrix, norm, type RandomModel, router } from "../src/weights/model.js";

/** One weight of each kind, and metadata of each type. `python/gguf_golden.py` writes the same with llama.cpp's own package. */
export const TINY: RandomModel = {
  config: { model_type: "tiny", vocab_size: 260 },
  architecture: "tiny",
  metadata: { block_count: 1, "rope.freq_base": { float32: 10_000 }, expert_weights_norm: true, name: "naïve" },
  weights: [
    matrix("embed", "token_embd.weight", [3, 5]),
    interleaved(matrix("query", "blk.0.attn_q.weight", [8, 3]), 2),
    experts("experts.*.up", "blk.0.ffn_up_exps.weight", 3, [4, 2]),
    router("router", "blk.0.ffn_gate_inp.weight", [3, 2]),
    norm("norm", "output_norm.weight", 7),
    bias("bias", "blk.0.exp_probs_b.bias", 3),
  ],
};
