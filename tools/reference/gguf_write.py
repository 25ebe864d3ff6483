"""Writes models of transformers as GGUF, with the names and layouts of llama.cpp's converter, by its `gguf` package."""

from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as T

ARCHITECTURES = {"qwen3_moe": "qwen3moe", "qwen2_moe": "qwen2moe", "mixtral": "llama", "afmoe": "afmoe"}

# Of a layer: what follows `model.layers.N.`, by model type.
COMMON = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "mlp.gate.weight": "ffn_gate_inp.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
NAMES = {
    "qwen3_moe": {**COMMON, "post_attention_layernorm.weight": "ffn_norm.weight"},
    "mixtral": {**COMMON, "post_attention_layernorm.weight": "ffn_norm.weight"},
    "qwen2_moe": {
        **COMMON,
        "post_attention_layernorm.weight": "ffn_norm.weight",
        "self_attn.q_proj.bias": "attn_q.bias",
        "self_attn.k_proj.bias": "attn_k.bias",
        "self_attn.v_proj.bias": "attn_v.bias",
        "mlp.shared_expert_gate.weight": "ffn_gate_inp_shexp.weight",
        "mlp.shared_expert.gate_proj.weight": "ffn_gate_shexp.weight",
        "mlp.shared_expert.up_proj.weight": "ffn_up_shexp.weight",
        "mlp.shared_expert.down_proj.weight": "ffn_down_shexp.weight",
    },
    "afmoe": {
        **COMMON,
        "self_attn.gate_proj.weight": "attn_gate.weight",
        "post_attention_layernorm.weight": "post_attention_norm.weight",
        "pre_mlp_layernorm.weight": "ffn_norm.weight",
        "post_mlp_layernorm.weight": "post_ffw_norm.weight",
        "mlp.router.gate.weight": "ffn_gate_inp.weight",
        "mlp.expert_bias": "exp_probs_b.bias",
        "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight",
        "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
        "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
    },
}
OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of queries and keys in arch `llama` (`LlamaModel.permute` of its converter)."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def uninterleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def tensors_of(model) -> dict[str, np.ndarray]:
    """The tensors of a model of transformers under llama.cpp's names."""
    config = model.config
    kind = config.model_type
    tensors: dict[str, np.ndarray] = {}
    for name, value in model.state_dict().items():
        array = value.detach().float().numpy()
        if name in OUTER:
            if name != "lm_head.weight" or not config.tie_word_embeddings:
                tensors[OUTER[name]] = array
            continue
        _, _, layer, rest = name.split(".", 3)
        prefix = f"blk.{layer}."
        if rest == "mlp.experts.gate_up_proj":
            half = array.shape[1] // 2
            tensors[prefix + "ffn_gate_exps.weight"] = array[:, :half]
            tensors[prefix + "ffn_up_exps.weight"] = array[:, half:]
        elif rest == "mlp.experts.down_proj":
            tensors[prefix + "ffn_down_exps.weight"] = array
        elif rest == "mlp.shared_expert_gate.weight":
            tensors[prefix + "ffn_gate_inp_shexp.weight"] = array[0]
        else:
            own = NAMES[kind][rest]
            if kind == "mixtral" and own == "attn_q.weight":
                array = interleaved(array, config.num_attention_heads)
            if kind == "mixtral" and own == "attn_k.weight":
                array = interleaved(array, config.num_key_value_heads)
            tensors[prefix + own] = array
    return tensors


def state_of(tensors: dict[str, np.ndarray], model) -> dict[str, torch.Tensor]:
    """The inverse: a state dict for a model of the same config."""
    config = model.config
    back = {own: name for name, own in NAMES[config.model_type].items()}
    state = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            array = tensors["token_embd.weight"]
        elif name in OUTER:
            array = tensors[OUTER[name]]
        else:
            _, _, layer, rest = name.split(".", 3)
            prefix = f"blk.{layer}."
            if rest == "mlp.experts.gate_up_proj":
                array = np.concatenate([tensors[prefix + f"ffn_{one}_exps.weight"] for one in ("gate", "up")], axis=1)
            elif rest == "mlp.experts.down_proj":
                array = tensors[prefix + "ffn_down_exps.weight"]
            else:
                own = NAMES[config.model_type][rest]
                array = tensors[prefix + own]
                if config.model_type == "mixtral" and own == "attn_q.weight":
                    array = uninterleaved(array, config.num_attention_heads)
                if config.model_type == "mixtral" and own == "attn_k.weight":
                    array = uninterleaved(array, config.num_key_value_heads)
        state[name] = torch.from_numpy(np.ascontiguousarray(array)).reshape(value.shape)
    del back
    return state


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The dequantised tensors of a GGUF file, by the `gguf` package."""
    tensors = {}
    for tensor in gguf.GGUFReader(path).tensors:
        shape = tuple(int(size) for size in reversed(tensor.shape))
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        tensors[tensor.name] = np.array(values, dtype=np.float32).reshape(shape)
    return tensors


def add_config(writer: gguf.GGUFWriter, config) -> None:
    """The keys that llama.cpp's converter writes (`set_gguf_parameters`)."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    experts = getattr(config, "num_local_experts", None) or config.num_experts
    writer.add_expert_count(experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    kind = config.model_type
    if kind == "mixtral":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(head_dim)
        return
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if kind == "qwen2_moe":
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    if kind == "afmoe":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(head_dim)
        writer.add_expert_shared_count(config.num_shared_experts)
        writer.add_leading_dense_block_count(config.num_dense_layers)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_weights_norm(True)
        writer.add_expert_weights_scale(config.route_scale)
        writer.add_sliding_window(config.sliding_window)


def rope_factors(config) -> np.ndarray | None:
    """Divisors of Llama 3's frequencies, as llama.cpp's converter writes them (`generate_extra_tensors`)."""
    rope = config.rope_parameters
    if rope["rope_type"] != "llama3":
        return None
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    wavelengths = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    original, low, high, factor = (
        rope[key] for key in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor", "factor")
    )
    smooth = np.clip((original / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def write(path: Path, model, add_vocabulary, kind: str = "F32", *, split_tensors: int = 0) -> None:
    """Write a model; matrices as `kind` (F32, F16, BF16, or a type that the `gguf` package quantises)."""
    writer = gguf.GGUFWriter(path, ARCHITECTURES[model.config.model_type], split_max_tensors=split_tensors)
    writer.add_name("tiny")
    add_config(writer, model.config)
    add_vocabulary(writer)
    rope = rope_factors(model.config)
    if rope is not None:
        writer.add_tensor("rope_freqs.weight", rope, raw_dtype=T.F32)
    for name, array in tensors_of(model).items():
        plain = array.ndim == 1 or name.endswith("ffn_gate_inp.weight")
        qtype = T.F32 if plain else T[kind]
        data = array if qtype == T.F32 else gguf.quants.quantize(array, qtype)
        writer.add_tensor(name, data, raw_dtype=qtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
