"""Qwen3-MoE cases."""

from golden_base import COMMON, DEFAULT_ROPE, DYNAMIC, LINEAR, LLAMA3, POSITIONS, YARN, longrope
from golden_case import Case

BASE = dict(
    **COMMON,
    num_hidden_layers=2,
    intermediate_size=20,
    moe_intermediate_size=6,
    head_dim=8,
    num_experts=6,
    num_experts_per_tok=3,
    norm_topk_prob=True,
    router_aux_loss_coef=0.02,
    rope_parameters=DEFAULT_ROPE,
)
# Small enough that every RoPE type can have its own checkpoint.
ROPE = {
    **BASE,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "tie_word_embeddings": True,
}
PLAIN_ROPE = {"rope type": dict(rope_parameters=DEFAULT_ROPE)}
YARN_FACTOR = {**YARN, "factor": None, "attention_factor": 1.3}


def case(name: str, purpose: str, changes: dict, base: dict = BASE, **rest) -> Case:
    return Case("qwen3-moe", name, purpose, {**base, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: normalised heads wider than hidden / heads, top-3 of 6 experts renormalised, untied head, labels.",
        dict(head_dim=16, num_attention_heads=3, num_key_value_heads=1),
        attentions=True,
        spellings=("fused", "sharded"),
        matters={"norm_topk_prob": dict(norm_topk_prob=False)},
        matters_weights=("q_norm.weight", "k_norm.weight"),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; expert weights not renormalised.",
        dict(norm_topk_prob=False, rms_norm_eps=0.01),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={"norm_topk_prob": dict(norm_topk_prob=True), "rms_norm_eps": dict(rms_norm_eps=1e-6)},
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right, a single kv head.",
        dict(num_key_value_heads=1),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
    ),
    case(
        "positions",
        "Explicit position ids that skip, repeat and run backwards; as many kv heads as heads; tied head.",
        dict(num_key_value_heads=4, tie_word_embeddings=True),
        lengths=(8, 8),
        pad="right",
        positions=POSITIONS,
        matters={"rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    case(
        "window",
        "use_sliding_window with a window of 8 slots on rows of 20 and 13, padded on the left; max_window_layers is kept "
        "and ignored; generation slides far beyond the window.",
        dict(use_sliding_window=True, sliding_window=8, max_window_layers=1),
        lengths=(20, 13),
        pad="left",
        greedy=(10, 7),
        matters={"no window": dict(use_sliding_window=False), "off by one": dict(sliding_window=9)},
        indifferent={"max_window_layers": dict(max_window_layers=2)},
    ),
    case(
        "window-unused",
        "A sliding_window of 4 that use_sliding_window false turns off; mlp_only_layers null.",
        dict(num_experts=4, num_experts_per_tok=2, sliding_window=4, use_sliding_window=False, tie_word_embeddings=True),
        lengths=(12,),
        greedy=None,
        matters={"window": dict(use_sliding_window=True)},
    ),
    case(
        "sparse-step",
        "decoder_sparse_step 2: layers 0 and 2 dense, 1 and 3 with experts.",
        dict(num_hidden_layers=4, decoder_sparse_step=2, num_experts=4, num_experts_per_tok=2, tie_word_embeddings=True),
        expert_layers=(1, 3),
        rounding=8e-5,
    ),
    case(
        "mlp-only-layers",
        "mlp_only_layers 0 and 2 dense, 1 and 3 with experts and biases in the attention; every layer's step is 1.",
        dict(
            num_hidden_layers=4,
            mlp_only_layers=[0, 2],
            attention_bias=True,
            num_experts=4,
            num_experts_per_tok=2,
            tie_word_embeddings=True,
        ),
        matters_weights=("q_proj.bias", "v_proj.bias", "o_proj.bias"),
        expert_layers=(1, 3),
    ),
    case(
        "rope-linear",
        "Linear RoPE scaling; no head_dim key, so hidden / heads.",
        dict(rope_parameters=LINEAR),
        {key: value for key, value in ROPE.items() if key != "head_dim"},
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
        rounding=8e-5,
    ),
    case(
        "rope-yarn",
        "YaRN as Qwen3 recommends it: factor 4, everything else by default.",
        dict(max_position_embeddings=256, rope_parameters=YARN),
        ROPE,
        lengths=(12,),
        matters={**PLAIN_ROPE, "attention factor": dict(rope_parameters={**YARN, "attention_factor": 1.0})},
    ),
    case(
        "rope-yarn-attention-factor",
        "YaRN with factor null, that is max / original positions, and a given attention factor.",
        dict(max_position_embeddings=192, rope_parameters=YARN_FACTOR),
        ROPE,
        lengths=(12,),
        matters={
            "attention factor": dict(rope_parameters={**YARN_FACTOR, "attention_factor": None}),
            "factor": dict(rope_parameters={**YARN_FACTOR, "factor": 8.0}),
        },
    ),
    case(
        "rope-longrope",
        "LongRoPE beyond the original 12 positions: long factors; generation crosses from short to long, and keys stay "
        "rotated as they were when they were cached.",
        dict(max_position_embeddings=128, rope_parameters=longrope(12)),
        ROPE,
        lengths=(16,),
        greedy=(8,),
        matters={"short": dict(rope_parameters={**longrope(12), "long_factor": longrope(12)["short_factor"]})},
        rounding=8e-5,
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
        {},
        dtype="bfloat16",
    ),
]
