"""Qwen2-MoE cases."""

from golden_base import COMMON, DEFAULT_ROPE, LLAMA3, POSITIONS
from golden_case import Case

BASE = {
    **COMMON,
    "vocab_size": 61,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
    "intermediate_size": 20,
    "moe_intermediate_size": 6,
    "shared_expert_intermediate_size": 10,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "norm_topk_prob": False,
    "router_aux_loss_coef": 0.02,
    "rope_parameters": DEFAULT_ROPE,
}
SHARED = ("shared_expert_gate.weight", "shared_expert.down_proj.weight")


def case(name: str, purpose: str, changes: dict, **rest) -> Case:
    return Case("qwen2-moe", name, purpose, {**BASE, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: biases of queries, keys and values, a gated shared expert, a dense first layer by mlp_only_layers, "
        "expert weights not renormalised, untied head.",
        dict(hidden_size=24, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3, mlp_only_layers=[0]),
        attentions=True,
        spellings=("fused", "sharded"),
        matters={"norm_topk_prob": dict(norm_topk_prob=True)},
        matters_weights=("q_proj.bias", "k_proj.bias", "v_proj.bias", *SHARED),
        expert_layers=(1, 2),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; renormalised expert weights, a large "
        "epsilon.",
        dict(norm_topk_prob=True, rms_norm_eps=0.01, num_key_value_heads=2),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={"norm_topk_prob": dict(norm_topk_prob=False), "rms_norm_eps": dict(rms_norm_eps=1e-6)},
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right, tied head.",
        dict(tie_word_embeddings=True),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        matters_weights=SHARED,
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
        "A window of 5 slots in layers 0 and 2: every other layer below max_window_layers, here 3 of 5; rows of 20 and 13 "
        "padded on the left; generation slides far beyond the window.",
        dict(num_hidden_layers=5, use_sliding_window=True, sliding_window=5, max_window_layers=3, num_experts=3, tie_word_embeddings=True),
        lengths=(20, 13),
        pad="left",
        greedy=(10, 7),
        matters={
            "no window": dict(use_sliding_window=False),
            "off by one": dict(sliding_window=6),
            "max_window_layers": dict(max_window_layers=1),
            "more layers": dict(max_window_layers=5),
        },
    ),
    case(
        "window-unused",
        "A sliding_window of 4 that use_sliding_window false turns off; mlp_only_layers null.",
        dict(sliding_window=4, use_sliding_window=False, tie_word_embeddings=True, mlp_only_layers=None),
        lengths=(12,),
        greedy=None,
        matters={"window": dict(use_sliding_window=True)},
    ),
    case(
        "layer-types",
        "layer_types name the sliding layer, 1 of 2, whatever max_window_layers says.",
        dict(
            use_sliding_window=True,
            sliding_window=4,
            max_window_layers=0,
            layer_types=["full_attention", "sliding_attention"],
            tie_word_embeddings=True,
        ),
        lengths=(14,),
        greedy=(9,),
        matters={"layer_types": dict(layer_types=["sliding_attention", "full_attention"])},
    ),
    case(
        "sparse-step",
        "decoder_sparse_step 2 and mlp_only_layers 3: of four layers only 1 has experts; qkv_bias false, norm_topk_prob true.",
        dict(
            num_hidden_layers=4,
            decoder_sparse_step=2,
            mlp_only_layers=[3],
            qkv_bias=False,
            norm_topk_prob=True,
        ),
        expert_layers=(1,),
    ),
    case(
        "rope-llama3",
        "Llama 3 RoPE: kept, smoothed and divided frequencies, over heads of 16.",
        dict(num_attention_heads=1, max_position_embeddings=512, rope_parameters=LLAMA3, tie_word_embeddings=True),
        lengths=(12,),
        matters={"rope type": dict(rope_parameters=DEFAULT_ROPE)},
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint: its weights decoded to float32, everything computed in float32.",
        {},
        dtype="bfloat16",
    ),
]
