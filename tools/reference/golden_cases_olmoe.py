"""OLMoE cases."""

from golden_base import COMMON, DEFAULT_ROPE, POSITIONS, YARN
from golden_case import Case

BASE = {
    **COMMON,
    "vocab_size": 61,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
    "intermediate_size": 6,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "norm_topk_prob": False,
    "router_aux_loss_coef": 0.02,
    "rope_parameters": DEFAULT_ROPE,
}


def case(name: str, purpose: str, changes: dict, **rest) -> Case:
    return Case("olmoe", name, purpose, {**BASE, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: queries and keys normalised over the whole width, which has several heads; no clipping, expert "
        "weights not renormalised, untied head.",
        dict(hidden_size=24, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3),
        attentions=True,
        spellings=("fused", "sharded"),
        matters={"norm_topk_prob": dict(norm_topk_prob=True)},
        matters_weights=("q_norm.weight", "k_norm.weight"),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; clip_qkv, renormalised expert "
        "weights, as many kv heads as heads, a large epsilon.",
        dict(clip_qkv=1.0, norm_topk_prob=True, num_key_value_heads=None, rms_norm_eps=0.01),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={
            "clip_qkv": dict(clip_qkv=None),
            "norm_topk_prob": dict(norm_topk_prob=False),
            "rms_norm_eps": dict(rms_norm_eps=1e-6),
        },
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right; biases in the attention, of the output too, before the norms and before "
        "clipping.",
        dict(attention_bias=True, clip_qkv=0.8),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        matters={"clip_qkv": dict(clip_qkv=0.9)},
        matters_weights=("q_proj.bias", "v_proj.bias", "o_proj.bias"),
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
        "all-experts",
        "As many experts per token as there are: every expert runs for every token, and the auxiliary loss is constant.",
        dict(num_experts=3, num_experts_per_tok=3, tie_word_embeddings=True),
    ),
    case(
        "rope-yarn",
        "YaRN, factor 4 over 64 original positions.",
        dict(max_position_embeddings=256, rope_parameters=YARN, tie_word_embeddings=True),
        lengths=(12,),
        matters={
            "rope type": dict(rope_parameters=DEFAULT_ROPE),
            "attention factor": dict(rope_parameters={**YARN, "attention_factor": 1.0}),
        },
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint: its weights decoded to float32, everything computed in float32.",
        {},
        dtype="bfloat16",
    ),
]
