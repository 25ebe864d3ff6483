"""configs/: the published configurations, and configs/v5/: the same as transformers 5 writes them.

The published files are reconstructed from the facts that are known about them; the keys are spelled as in the releases.
"""

import json
from pathlib import Path

from transformers import AfmoeConfig, MixtralConfig, Qwen3MoeConfig

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

CONFIGS = {
    "Mixtral-8x7B-v0.1": (MixtralConfig, MIXTRAL_8X7B),
    "Mixtral-8x7B-v0.1-sliding": (MixtralConfig, {**MIXTRAL_8X7B, "sliding_window": 4096}),
    "Qwen3-30B-A3B": (Qwen3MoeConfig, QWEN3_30B),
    "Qwen3-Coder-30B-A3B": (Qwen3MoeConfig, QWEN3_CODER_30B),
    "Trinity-Nano-Preview": (AfmoeConfig, trinity(56, **NANO)),
    "Trinity-Mini": (AfmoeConfig, trinity(32, **MINI)),
    "Trinity-Large": (AfmoeConfig, trinity(60, **LARGE)),
}
# Keys that version 5 spells or places otherwise; every other key keeps its name and its value.
MOVED = {"rope_theta", "rope_scaling", "torch_dtype", "transformers_version", "num_experts"}


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
    if lost:
        raise AssertionError(f"{name}: version 5 does not keep {sorted(lost)}")
    if saved["rope_parameters"] != {"rope_type": "default", "rope_theta": published["rope_theta"]}:
        raise AssertionError(f"{name}: version 5 saves {saved['rope_parameters']}")
