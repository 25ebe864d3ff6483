"""Mixtral cases."""

from golden_base import COMMON, DEFAULT_ROPE, DYNAMIC, LINEAR, LLAMA3, POSITIONS, YARN, YARN_MSCALE, longrope
from golden_case import Case

BASE = dict(
    **COMMON,
    num_hidden_layers=3,
    intermediate_size=8,
    num_local_experts=4,
    num_experts_per_tok=2,
    router_aux_loss_coef=0.02,
    rope_parameters=DEFAULT_ROPE,
)
# Small enough that every RoPE type can have its own checkpoint.
ROPE = {
    **BASE,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "tie_word_embeddings": True,
}
PLAIN_ROPE = {"rope type": dict(rope_parameters=DEFAULT_ROPE)}


def case(name: str, purpose: str, changes: dict, base: dict = BASE, **rest) -> Case:
    return Case("mixtral", name, purpose, {**base, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: grouped kv heads, top-2 of 4 experts, default RoPE, untied head, labels and auxiliary loss.",
        {},
        attentions=True,
        spellings=("fused", "sharded"),
        matters={"top-k": dict(num_experts_per_tok=1), "rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; a large epsilon.",
        dict(num_hidden_layers=2, num_local_experts=5, rms_norm_eps=0.01),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={"rms_norm_eps": dict(rms_norm_eps=1e-6)},
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right, a single kv head, top-1 of 4 experts.",
        dict(num_hidden_layers=2, num_key_value_heads=1, num_experts_per_tok=1),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        matters={"top-k": dict(num_experts_per_tok=2)},
    ),
    case(
        "positions",
        "Explicit position ids that skip, repeat and run backwards; as many kv heads as heads; tied head.",
        dict(num_hidden_layers=2, num_key_value_heads=4, tie_word_embeddings=True),
        lengths=(8, 8),
        pad="right",
        positions=POSITIONS,
        matters={"rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    case(
        "window",
        "A window of 6 slots on rows of 20 and 13, padded on the left; generation slides far beyond the window.",
        dict(num_hidden_layers=2, sliding_window=6),
        lengths=(20, 13),
        pad="left",
        greedy=(10, 7),
        matters={"no window": dict(sliding_window=None), "off by one": dict(sliding_window=7)},
    ),
    case(
        "rope-linear",
        "Linear RoPE scaling; heads wider than hidden / heads.",
        dict(num_attention_heads=3, rope_parameters=LINEAR),
        ROPE,
        lengths=(12,),
        matters=PLAIN_ROPE,
    ),
    case(
        "rope-dynamic",
        "Dynamic NTK RoPE with a row of 20 beyond the 12 positions of the model; generation crosses from 8 to 72, and "
        "keys stay rotated as they were when they were cached.",
        dict(max_position_embeddings=12, rope_parameters=DYNAMIC),
        ROPE,
        lengths=(20,),
        greedy=(8,),
        matters=PLAIN_ROPE,
    ),
    case(
        "rope-yarn",
        "YaRN, factor 4 over 64 original positions, its own attention factor.",
        dict(max_position_embeddings=256, rope_parameters=YARN),
        ROPE,
        lengths=(12,),
        matters={**PLAIN_ROPE, "attention factor": dict(rope_parameters={**YARN, "attention_factor": 1.0})},
    ),
    case(
        "rope-yarn-mscale",
        "YaRN with mscale, mscale_all_dim, both betas, and a correction range that is not rounded.",
        dict(max_position_embeddings=256, rope_parameters=YARN_MSCALE),
        ROPE,
        lengths=(12,),
        matters={
            "mscale": dict(rope_parameters={**YARN_MSCALE, "mscale": None}),
            "truncate": dict(rope_parameters={**YARN_MSCALE, "truncate": True}),
            "betas": dict(rope_parameters={**YARN_MSCALE, "beta_fast": None, "beta_slow": None}),
        },
    ),
    case(
        "rope-longrope-short",
        "LongRoPE within the original 96 positions: short factors, attention factor from max / original.",
        dict(max_position_embeddings=384, rope_parameters=longrope(96)),
        ROPE,
        lengths=(12,),
        matters=PLAIN_ROPE,
    ),
    case(
        "rope-longrope-long",
        "LongRoPE beyond the original 12 positions: long factors; generation crosses from short to long, and keys stay "
        "rotated as they were when they were cached.",
        dict(max_position_embeddings=128, rope_parameters=longrope(12)),
        ROPE,
        lengths=(16,),
        greedy=(8,),
        matters={"short": dict(rope_parameters={**longrope(12), "long_factor": longrope(12)["short_factor"]})},
    ),
    case(
        "rope-llama3",
        "Llama 3 RoPE: kept, smoothed and divided frequencies.",
        dict(max_position_embeddings=512, rope_parameters=LLAMA3),
        ROPE,
        lengths=(12,),
        matters=PLAIN_ROPE,
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint: its weights decoded to float32, everything computed in float32.",
        dict(num_hidden_layers=2),
        dtype="bfloat16",
    ),
    case(
        "one-expert",
        "One expert in each layer, which every token goes to: a stack of one matrix.",
        dict(num_hidden_layers=2, num_local_experts=1, num_experts_per_tok=1),
    ),
]
