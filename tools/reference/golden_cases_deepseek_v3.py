"""DeepSeek-V3 cases."""

from golden_base import COMMON, DEFAULT_ROPE, LINEAR, POSITIONS, YARN
from golden_case import Case

BASE = {
    **COMMON,
    "vocab_size": 61,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 20,
    "moe_intermediate_size": 6,
    "q_lora_rank": 10,
    "kv_lora_rank": 12,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 8,
    "v_head_dim": 5,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "n_group": 4,
    "topk_group": 2,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "routed_scaling_factor": 2.5,
    "norm_topk_prob": True,
    "rope_interleave": True,
    "num_nextn_predict_layers": 0,
    "rope_parameters": DEFAULT_ROPE,
}
# The released checkpoints' `mscale` is as large as their `mscale_all_dim`.
MSCALE = {**YARN, "beta_fast": 4.0, "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 1.0}
UNLIKE = {**MSCALE, "mscale_all_dim": 0.4, "truncate": False}
GROUPS = {"topk_group": dict(topk_group=4), "n_group": dict(n_group=2)}


def mtp(layer: int, hidden: int, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a layer of multi-token prediction that tell it from a decoder layer, and some that do not."""
    names = {
        "eh_proj.weight": (hidden, 2 * hidden),
        "enorm.weight": (hidden,),
        "hnorm.weight": (hidden,),
        "embed_tokens.weight": (vocabulary, hidden),
        "shared_head.norm.weight": (hidden,),
        "shared_head.head.weight": (vocabulary, hidden),
        "input_layernorm.weight": (hidden,),
        "self_attn.o_proj.weight": (hidden, 10),
        "mlp.gate.weight": (8, hidden),
        "mlp.gate.e_score_correction_bias": (8,),
        "mlp.experts.0.gate_proj.weight": (6, hidden),
    }
    return {f"model.layers.{layer}.{name}": shape for name, shape in names.items()}


def case(name: str, purpose: str, changes: dict, **rest) -> Case:
    return Case("deepseek-v3", name, purpose, {**BASE, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: latent queries, keys and values, pairs rotated, a dense first layer, two of four groups, a bias that "
        "moves the choice, renormalised and scaled expert weights, untied head.",
        dict(hidden_size=24, num_attention_heads=3, num_key_value_heads=3, num_hidden_layers=3),
        attentions=True,
        spellings=("fused", "sharded"),
        matters={
            **GROUPS,
            "rope_interleave": dict(rope_interleave=False),
            "norm_topk_prob": dict(norm_topk_prob=False),
            "routed_scaling_factor": dict(routed_scaling_factor=1.0),
        },
        matters_weights=("e_score_correction_bias", "q_a_layernorm.weight", "kv_a_layernorm.weight", "shared_experts.down_proj.weight"),
        expert_layers=(1, 2),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; queries without a latent, halves "
        "rotated, expert weights not renormalised, two shared experts, no dense layer, and a large epsilon, which the norm of "
        "the latent does not have.",
        dict(
            q_lora_rank=None,
            rope_interleave=False,
            norm_topk_prob=False,
            n_shared_experts=2,
            first_k_dense_replace=0,
            rms_norm_eps=0.01,
        ),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={
            **GROUPS,
            "rope_interleave": dict(rope_interleave=True),
            "norm_topk_prob": dict(norm_topk_prob=True),
            "rms_norm_eps": dict(rms_norm_eps=1e-6),
        },
        matters_modules={"epsilon of the latent": ("kv_a_layernorm", "variance_epsilon", 0.01)},
        expert_layers=(0, 1),
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right; biases of the first projections and of the output, a latent of the queries "
        "with a large epsilon outside, tied head.",
        dict(attention_bias=True, rms_norm_eps=0.01, tie_word_embeddings=True),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        matters_weights=("q_a_proj.bias", "kv_a_proj_with_mqa.bias", "o_proj.bias"),
        matters_modules={"epsilon of the latent": ("q_a_layernorm", "variance_epsilon", 0.01)},
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
        "one-group",
        "A single group, so that no group is left out; values wider than keys; both layers with experts.",
        dict(n_group=1, topk_group=1, v_head_dim=16, first_k_dense_replace=0, tie_word_embeddings=True),
        matters={"topk_group": dict(n_group=4, topk_group=2)},
    ),
    case(
        "negative-bias",
        "A bias below -1: whatever is ranked is negative, and an expert of a group that was left out still is not chosen.",
        dict(tie_word_embeddings=True, first_k_dense_replace=0),
        weights={"e_score_correction_bias": (-1.6, 0.2)},
        matters=GROUPS,
        matters_weights=("e_score_correction_bias",),
    ),
    case(
        "rope-yarn-mscale",
        "YaRN as released: mscale equal to mscale_all_dim, which scales the scores but neither cosine nor sine.",
        dict(max_position_embeddings=256, rope_parameters=MSCALE, tie_word_embeddings=True),
        lengths=(12,),
        matters={
            "rope type": dict(rope_parameters=DEFAULT_ROPE),
            "mscale_all_dim": dict(rope_parameters={**MSCALE, "mscale_all_dim": None}),
            "attention factor": dict(rope_parameters={**MSCALE, "attention_factor": 1.1}),
        },
    ),
    case(
        "rope-yarn-mscales",
        "YaRN with mscale unlike mscale_all_dim and truncate false, halves rotated.",
        dict(max_position_embeddings=256, rope_parameters=UNLIKE, rope_interleave=False, tie_word_embeddings=True),
        lengths=(12,),
        matters={
            "mscale": dict(rope_parameters={**UNLIKE, "mscale": 0.4}),
            "mscale_all_dim": dict(rope_parameters={**UNLIKE, "mscale_all_dim": 1.0}),
            "truncate": dict(rope_parameters={**UNLIKE, "truncate": True}),
        },
    ),
    case(
        "rope-yarn",
        "YaRN without mscale: the attention factor of the paper, and scores not scaled further.",
        dict(max_position_embeddings=256, rope_parameters=YARN, tie_word_embeddings=True),
        lengths=(12,),
        matters={"attention factor": dict(rope_parameters={**YARN, "attention_factor": 1.0})},
    ),
    case(
        "rope-linear",
        "Linear RoPE scaling of pairs.",
        dict(rope_parameters=LINEAR, tie_word_embeddings=True),
        lengths=(12,),
        matters={"rope type": dict(rope_parameters=DEFAULT_ROPE)},
    ),
    case(
        "mtp",
        "A layer of multi-token prediction in the checkpoint, behind the last layer, as released: not loaded.",
        dict(num_nextn_predict_layers=1),
        extra_tensors=mtp(2, 16, 61),
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint in which e_score_correction_bias stays float32: everything computed in float32.",
        {},
        dtype="bfloat16",
    ),
]
