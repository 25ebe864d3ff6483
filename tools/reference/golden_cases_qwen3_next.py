"""Qwen3-Next cases."""

from golden_base import COMMON, DEFAULT_ROPE, POSITIONS, YARN
from golden_case import Case

QUARTER = {**DEFAULT_ROPE, "partial_rotary_factor": 0.25}
BASE = {
    **COMMON,
    "vocab_size": 61,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "num_hidden_layers": 2,
    "full_attention_interval": 2,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 6,
    "linear_value_head_dim": 4,
    "linear_conv_kernel_dim": 4,
    "intermediate_size": 20,
    "moe_intermediate_size": 6,
    "shared_expert_intermediate_size": 10,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "norm_topk_prob": True,
    "router_aux_loss_coef": 0.02,
    "rope_parameters": QUARTER,
}
LINEAR = ("linear_attn.A_log", "linear_attn.dt_bias", "linear_attn.norm.weight", "in_proj_ba.weight")
MTP = {
    "mtp.fc.weight": (16, 32),
    "mtp.norm.weight": (16,),
    "mtp.pre_fc_norm_embedding.weight": (16,),
    "mtp.pre_fc_norm_hidden.weight": (16,),
    "mtp.layers.0.input_layernorm.weight": (16,),
    "mtp.layers.0.self_attn.q_norm.weight": (16,),
    "mtp.layers.0.self_attn.q_proj.weight": (64, 16),
    "mtp.layers.0.mlp.gate.weight": (5, 16),
    "mtp.layers.0.mlp.experts.0.gate_proj.weight": (6, 16),
    "mtp.layers.0.mlp.shared_expert_gate.weight": (1, 16),
}


def case(name: str, purpose: str, changes: dict, **rest) -> Case:
    return Case("qwen3-next", name, purpose, {**BASE, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: three linear layers and a full one by the default interval of 4, twice as many value heads as key "
        "heads, norms around one, gated attention of which a quarter is rotated, a gated shared expert, untied head.",
        dict(num_hidden_layers=4, full_attention_interval=4),
        attentions=True,
        spellings=("fused", "sharded"),
        matters={
            "norm_topk_prob": dict(norm_topk_prob=False),
            "partial_rotary_factor": dict(rope_parameters={**QUARTER, "partial_rotary_factor": 1.0}),
        },
        matters_weights=("q_norm.weight", "shared_expert_gate.weight", *LINEAR),
        expert_layers=(0, 1, 2, 3),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation: padding does not enter the state; a "
        "kernel of 3, a large epsilon, which the length of queries and keys does not have, expert weights not renormalised.",
        dict(linear_conv_kernel_dim=3, rms_norm_eps=0.01, norm_topk_prob=False, num_key_value_heads=2),
        lengths=(10, 6, 3),
        pad="left",
        greedy=(7, 4, 2),
        matters={"norm_topk_prob": dict(norm_topk_prob=True), "rms_norm_eps": dict(rms_norm_eps=1e-6)},
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right; as many value heads as key heads, values wider than keys, biases in the "
        "attention, tied head.",
        dict(
            linear_num_key_heads=2,
            linear_num_value_heads=2,
            linear_key_head_dim=4,
            linear_value_head_dim=8,
            attention_bias=True,
            tie_word_embeddings=True,
        ),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        matters_weights=("q_proj.bias", "k_proj.bias", "v_proj.bias", "o_proj.bias"),
    ),
    case(
        "positions",
        "Explicit position ids that skip, repeat and run backwards, which linear layers do not see; tied head.",
        dict(tie_word_embeddings=True),
        lengths=(8, 8),
        pad="right",
        positions=POSITIONS,
        matters={"rope": dict(rope_parameters={**QUARTER, "rope_theta": 1e6})},
    ),
    case(
        "chunks",
        "A row of 66, longer than the chunk of 64 in which the reference computes the delta rule, and one of 9 padded on the left; "
        "generation from 62.",
        dict(linear_key_head_dim=8, linear_value_head_dim=8, num_experts=3),
        lengths=(66, 9),
        pad="left",
        greedy=(62,),
        matters_weights=LINEAR,
    ),
    case(
        "layer-types",
        "layer_types full, linear, linear, whatever the interval; four value heads to a key head, a kernel of 2.",
        dict(
            num_hidden_layers=3,
            layer_types=["full_attention", "linear_attention", "linear_attention"],
            linear_num_key_heads=1,
            linear_conv_kernel_dim=2,
            num_experts=3,
            tie_word_embeddings=True,
        ),
        lengths=(10, 7),
        pad="left",
        greedy=(6, 5),
    ),
    case(
        "all-full",
        "Every layer full: gated attention alone, all of a head rotated.",
        dict(
            layer_types=["full_attention"] * 2,
            rope_parameters={**DEFAULT_ROPE, "partial_rotary_factor": 1.0},
            head_dim=8,
            tie_word_embeddings=True,
        ),
        lengths=(10, 7),
        pad="left",
        attentions=True,
        greedy=(6, 5),
        matters={"partial_rotary_factor": dict(rope_parameters=QUARTER)},
    ),
    case(
        "sparse-step",
        "decoder_sparse_step 2 and mlp_only_layers 3: of four layers only 1 has experts.",
        dict(num_hidden_layers=4, decoder_sparse_step=2, mlp_only_layers=[3]),
        expert_layers=(1,),
    ),
    case(
        "rope-yarn",
        "YaRN on half of a head.",
        dict(
            max_position_embeddings=256,
            rope_parameters={**YARN, "partial_rotary_factor": 0.5},
            tie_word_embeddings=True,
        ),
        lengths=(12,),
        matters={
            "rope type": dict(rope_parameters={**DEFAULT_ROPE, "partial_rotary_factor": 0.5}),
            "partial_rotary_factor": dict(rope_parameters={**YARN, "partial_rotary_factor": 0.25}),
        },
    ),
    case(
        "mtp",
        "Tensors of multi-token prediction in the checkpoint, as released: not loaded.",
        {},
        extra_tensors=MTP,
    ),
    case(
        "bfloat16",
        "A bfloat16 checkpoint, A_log and dt_bias included: everything computed in float32.",
        {},
        dtype="bfloat16",
    ),
]
