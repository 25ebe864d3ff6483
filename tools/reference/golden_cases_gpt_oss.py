"""GPT-OSS cases."""

from golden_base import COMMON, DEFAULT_ROPE, POSITIONS
from golden_case import Case

ROPE = {
    "rope_type": "yarn",
    "rope_theta": 150000.0,
    "factor": 4.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 64,
}
BASE = {
    **COMMON,
    "vocab_size": 61,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    # Wider than hidden / heads, as released.
    "head_dim": 12,
    "num_hidden_layers": 2,
    "intermediate_size": 6,
    "num_local_experts": 5,
    "num_experts_per_tok": 2,
    "sliding_window": 5,
    "max_position_embeddings": 256,
    "router_aux_loss_coef": 0.02,
    "rope_parameters": ROPE,
}
BIASES = ("router.bias", "gate_up_proj_bias", "down_proj_bias", "q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias")
ACTIVATION = {"limit": ("mlp.experts", "limit", 1e9), "alpha": ("mlp.experts", "alpha", 1.0)}


def case(name: str, purpose: str, changes: dict, **rest) -> Case:
    return Case("gpt-oss", name, purpose, {**BASE, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch, longer than the window: sliding and full layers in turn by default, sinks, biases everywhere, a "
        "clamped activation, YaRN without truncation, untied head.",
        dict(hidden_size=24, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3),
        attentions=True,
        spellings=("sharded",),
        matters={"window": dict(sliding_window=6), "truncate": dict(rope_parameters={**ROPE, "truncate": True})},
        matters_weights=("sinks", *BIASES),
        matters_modules=ACTIVATION,
        expert_layers=(0, 1, 2),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; a large epsilon. Where a query sees "
        "nothing but its sink, it reads zeros.",
        dict(rms_norm_eps=0.01, num_key_value_heads=2),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={"rms_norm_eps": dict(rms_norm_eps=1e-6)},
        matters_weights=("sinks",),
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right, three experts of five, no auxiliary loss in the configuration; tied head.",
        dict(num_experts_per_tok=3, tie_word_embeddings=True, router_aux_loss_coef=0.0),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
    ),
    case(
        "positions",
        "Explicit position ids that skip, repeat and run backwards; tied head.",
        dict(tie_word_embeddings=True),
        lengths=(8, 8),
        pad="right",
        positions=POSITIONS,
        matters={"rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    case(
        "window",
        "layer_types full, sliding, sliding with a window of 8 on rows of 20 and 13 padded on the left; generation slides far "
        "beyond the window.",
        dict(
            num_hidden_layers=3,
            sliding_window=8,
            layer_types=["full_attention", "sliding_attention", "sliding_attention"],
            num_local_experts=3,
            tie_word_embeddings=True,
        ),
        lengths=(20, 13),
        pad="left",
        greedy=(10, 7),
        matters={"no window": dict(sliding_window=64), "off by one": dict(sliding_window=9)},
    ),
    case(
        "no-bias",
        "attention_bias false, every layer full, default RoPE: the biases of router and experts stay.",
        dict(
            attention_bias=False,
            layer_types=["full_attention"] * 2,
            rope_parameters=DEFAULT_ROPE,
            tie_word_embeddings=True,
        ),
        lengths=(12,),
        greedy=(8,),
        matters_weights=("sinks", "router.bias", "gate_up_proj_bias", "down_proj_bias"),
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint, sinks and biases included: everything computed in float32.",
        {},
        dtype="bfloat16",
    ),
]
