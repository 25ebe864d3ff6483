"""configs/: the published configurations, and configs/v5/: the same as transformers 5 writes them.

The published files are reconstructed from the facts that are known about them; the keys are spelled as in the releases.
DeepSeek-V3 and gpt-oss are released in FP8 and MXFP4: here they are without `quantization_config`, as of bfloat16 weights.
"""

import json
from pathlib import Path

from transformers import (
    AfmoeConfig,
    DeepseekV3Config,
    GptOssConfig,
    MixtralConfig,
    OlmoeConfig,
    Qwen2MoeConfig,
    Qwen3MoeConfig,
    Qwen3NextConfig,
)

from golden_io import write_json

MIXTRAL_8X7B = {
    "architectures": ["MixtralForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "model_type": "mixtral",
    "num_attention_heads": 32,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "num_local_experts": 8,
    "output_router_logits": False,
    "rms_norm_eps": 1e-05,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.02,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.36.0.dev0",
    "use_cache": True,
    "vocab_size": 32000,
}
QWEN3_30B = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "decoder_sparse_step": 1,
    "eos_token_id": 151645,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 6144,
    "max_position_embeddings": 40960,
    "max_window_layers": 48,
    "mlp_only_layers": [],
    "model_type": "qwen3_moe",
    "moe_intermediate_size": 768,
    "norm_topk_prob": True,
    "num_attention_heads": 32,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 48,
    "num_key_value_heads": 4,
    "output_router_logits": False,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.51.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
QWEN3_CODER_30B = {
    **{key: value for key, value in QWEN3_30B.items() if key != "bos_token_id"},
    "intermediate_size": 5472,
    "max_position_embeddings": 262144,
    "max_window_layers": 28,
    "qkv_bias": False,
    "rope_theta": 10000000,
    "router_aux_loss_coef": 0.0,
    "shared_expert_intermediate_size": 0,
    "transformers_version": "4.52.3",
    "use_qk_norm": True,
}


def trinity(layers: int, **keys) -> dict:
    return {
        "architectures": ["AfmoeForCausalLM"],
        "attention_dropout": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_afmoe.AfmoeConfig",
            "AutoModel": "modeling_afmoe.AfmoeModel",
            "AutoModelForCausalLM": "modeling_afmoe.AfmoeForCausalLM",
        },
        "dtype": "bfloat16",
        "global_attn_every_n_layers": 4,
        "head_dim": 128,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "layer_types": ["full_attention" if (i + 1) % 4 == 0 else "sliding_attention" for i in range(layers)],
        "load_balance_coeff": 0.001,
        "max_position_embeddings": 131072,
        "model_type": "afmoe",
        "mup_enabled": True,
        "n_group": 1,
        "num_expert_groups": 1,
        "num_hidden_layers": layers,
        "num_limited_groups": 1,
        "num_shared_experts": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": 10000,
        "route_norm": True,
        "route_scale": 2.826,
        "score_func": "sigmoid",
        "tie_word_embeddings": False,
        "topk_group": 1,
        "transformers_version": "4.57.3",
        "use_cache": True,
        "use_grouped_mm": True,
        "vocab_size": 200192,
        **keys,
    }


NANO = dict(
    hidden_size=1024,
    intermediate_size=3072,
    moe_intermediate_size=256,
    num_attention_heads=8,
    num_dense_layers=2,
    num_experts=128,
    num_experts_per_tok=8,
    num_key_value_heads=2,
    sliding_window=2048,
)
MINI = {
    **NANO,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 1024,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
}
LARGE = {
    "hidden_size": 3072,
    "intermediate_size": 12288,
    "moe_intermediate_size": 3072,
    "num_attention_heads": 48,
    "num_dense_layers": 6,
    "num_experts": 256,
    "num_experts_per_tok": 4,
    "num_key_value_heads": 8,
    "sliding_window": 4096,
}
OLMOE_1B_7B = {
    "architectures": ["OlmoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "clip_qkv": None,
    "eos_token_id": 50279,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 1024,
    "max_position_embeddings": 4096,
    "model_type": "olmoe",
    "norm_topk_prob": False,
    "num_attention_heads": 16,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 16,
    "num_key_value_heads": 16,
    "output_router_logits": False,
    "pad_token_id": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "router_aux_loss_coef": 0.01,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 50304,
}
# The chat model: of the base model's own file no public copy was found.
QWEN15_MOE_CHAT = {
    "architectures": ["Qwen2MoeForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "decoder_sparse_step": 1,
    "eos_token_id": 151645,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 5632,
    "max_position_embeddings": 32768,
    "max_window_layers": 21,
    "model_type": "qwen2_moe",
    "moe_intermediate_size": 1408,
    "norm_topk_prob": False,
    "num_attention_heads": 16,
    "num_experts": 60,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 16,
    "output_router_logits": False,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "shared_expert_intermediate_size": 5632,
    "sliding_window": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.39.0.dev0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
DEEPSEEK_V3 = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_deepseek.DeepseekV3Config",
        "AutoModel": "modeling_deepseek.DeepseekV3Model",
        "AutoModelForCausalLM": "modeling_deepseek.DeepseekV3ForCausalLM",
    },
    "bos_token_id": 0,
    "eos_token_id": 1,
    "ep_size": 1,
    "first_k_dense_replace": 3,
    "hidden_act": "silu",
    "hidden_size": 7168,
    "initializer_range": 0.02,
    "intermediate_size": 18432,
    "kv_lora_rank": 512,
    "max_position_embeddings": 163840,
    "model_type": "deepseek_v3",
    "moe_intermediate_size": 2048,
    "moe_layer_freq": 1,
    "n_group": 8,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "num_attention_heads": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 61,
    "num_key_value_heads": 128,
    "num_nextn_predict_layers": 1,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "rms_norm_eps": 1e-06,
    "rope_scaling": {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": 40,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
        "original_max_position_embeddings": 4096,
        "type": "yarn",
    },
    "rope_theta": 10000,
    "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid",
    "tie_word_embeddings": False,
    "topk_group": 4,
    "topk_method": "noaux_tc",
    "torch_dtype": "bfloat16",
    "transformers_version": "4.46.3",
    "use_cache": True,
    "v_head_dim": 128,
    "vocab_size": 129280,
}
GPT_OSS_20B = {
    "architectures": ["GptOssForCausalLM"],
    "attention_bias": True,
    "attention_dropout": 0.0,
    "eos_token_id": 200002,
    "experts_per_token": 4,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2880,
    "initial_context_length": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 2880,
    "layer_types": ["full_attention" if i % 2 else "sliding_attention" for i in range(24)],
    "max_position_embeddings": 131072,
    "model_type": "gpt_oss",
    "num_attention_heads": 64,
    "num_experts_per_tok": 4,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "num_local_experts": 32,
    "output_router_logits": False,
    "pad_token_id": 199999,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "factor": 32.0,
        "original_max_position_embeddings": 4096,
        "rope_type": "yarn",
        "truncate": False,
    },
    "rope_theta": 150000,
    "router_aux_loss_coef": 0.9,
    "sliding_window": 128,
    "swiglu_limit": 7.0,
    "tie_word_embeddings": False,
    "transformers_version": "4.55.0.dev0",
    "use_cache": True,
    "vocab_size": 201088,
}
GPT_OSS_120B = {
    **GPT_OSS_20B,
    "layer_types": ["full_attention" if i % 2 else "sliding_attention" for i in range(36)],
    "num_hidden_layers": 36,
    "num_local_experts": 128,
}
QWEN3_NEXT_80B = {
    "architectures": ["Qwen3NextForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "decoder_sparse_step": 1,
    "eos_token_id": 151645,
    "full_attention_interval": 4,
    "head_dim": 256,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 5120,
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 128,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_value_head_dim": 128,
    "max_position_embeddings": 262144,
    "mlp_only_layers": [],
    "model_type": "qwen3_next",
    "moe_intermediate_size": 512,
    "norm_topk_prob": True,
    "num_attention_heads": 16,
    "num_experts": 512,
    "num_experts_per_tok": 10,
    "num_hidden_layers": 48,
    "num_key_value_heads": 2,
    "output_router_logits": False,
    "partial_rotary_factor": 0.25,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000000,
    "router_aux_loss_coef": 0.001,
    "shared_expert_intermediate_size": 512,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.57.0.dev0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}

CONFIGS = {
    "Mixtral-8x7B-v0.1": (MixtralConfig, MIXTRAL_8X7B),
    "Mixtral-8x7B-v0.1-sliding": (MixtralConfig, {**MIXTRAL_8X7B, "sliding_window": 4096}),
    "Qwen3-30B-A3B": (Qwen3MoeConfig, QWEN3_30B),
    "Qwen3-Coder-30B-A3B": (Qwen3MoeConfig, QWEN3_CODER_30B),
    "Trinity-Nano-Preview": (AfmoeConfig, trinity(56, **NANO)),
    "Trinity-Mini": (AfmoeConfig, trinity(32, **MINI)),
    "Trinity-Large": (AfmoeConfig, trinity(60, **LARGE)),
    "OLMoE-1B-7B-0924": (OlmoeConfig, OLMOE_1B_7B),
    "Qwen1.5-MoE-A2.7B-Chat": (Qwen2MoeConfig, QWEN15_MOE_CHAT),
    "DeepSeek-V3": (DeepseekV3Config, DEEPSEEK_V3),
    "gpt-oss-20b": (GptOssConfig, GPT_OSS_20B),
    "gpt-oss-120b": (GptOssConfig, GPT_OSS_120B),
    "Qwen3-Next-80B-A3B-Instruct": (Qwen3NextConfig, QWEN3_NEXT_80B),
}
# Keys that version 5 spells or places otherwise; every other key keeps its name and its value.
MOVED = {"rope_theta", "rope_scaling", "torch_dtype", "transformers_version", "num_experts", "full_attention_interval"}


def write(out: Path) -> None:
    folder = out / "configs"
    for name, (config_class, published) in CONFIGS.items():
        write_json(folder / f"{name}.json", dict(sorted(published.items())))
        config = config_class.from_pretrained(folder / f"{name}.json")
        config.save_pretrained(folder / "v5" / name)
        saved = folder / "v5" / name / "config.json"
        _check(name, published, json.loads(saved.read_text()))
        saved.rename(folder / "v5" / f"{name}.json")
        (folder / "v5" / name).rmdir()


def _check(name: str, published: dict, saved: dict) -> None:
    lost = {key for key, value in published.items() if key not in MOVED and saved.get(key) != value}
    if published["model_type"] == "qwen2_moe" and saved["sliding_window"] == 0:
        lost -= {"sliding_window"}  # A window that use_sliding_window turns off.
    if lost:
        raise AssertionError(f"{name}: version 5 does not keep {sorted(lost)}")
    rope = {"rope_type": "default", "rope_theta": published["rope_theta"], **(published.get("rope_scaling") or {})}
    if "type" in rope:
        rope["rope_type"] = rope["type"]
    if "partial_rotary_factor" in published:
        rope["partial_rotary_factor"] = published["partial_rotary_factor"]
    if saved["rope_parameters"] != rope:
        raise AssertionError(f"{name}: version 5 saves {saved['rope_parameters']}")
    if "full_attention_interval" in published:
        interval = published["full_attention_interval"]
        if [kind == "full_attention" for kind in saved["layer_types"]] != [
            (index + 1) % interval == 0 for index in range(published["num_hidden_layers"])
        ]:
            raise AssertionError(f"{name}: version 5 saves {saved['layer_types']}")
