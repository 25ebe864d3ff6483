"""The table of model cases."""

from golden_case import Case

# No end-of-sequence id: greedy runs give all their 64 tokens.
COMMON = dict(
    vocab_size=97,
    hidden_size=32,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)
MIXTRAL = dict(
    **COMMON,
    num_hidden_layers=3,
    intermediate_size=8,
    num_local_experts=4,
    num_experts_per_tok=2,
    router_aux_loss_coef=0.02,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
QWEN = dict(
    **COMMON,
    num_hidden_layers=3,
    intermediate_size=24,
    moe_intermediate_size=8,
    head_dim=8,
    num_experts=6,
    num_experts_per_tok=3,
    norm_topk_prob=True,
    router_aux_loss_coef=0.02,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
AFMOE = dict(
    **COMMON,
    num_hidden_layers=4,
    intermediate_size=24,
    moe_intermediate_size=6,
    head_dim=8,
    num_experts=5,
    num_experts_per_tok=2,
    num_shared_experts=1,
    num_dense_layers=1,
    route_scale=2.826,
    mup_enabled=True,
    global_attn_every_n_layers=2,
    sliding_window=16,
    rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)

CASES = [
    Case(
        "mixtral",
        "basic",
        "A plain batch: grouped kv heads, top-2 of 4 experts, default RoPE, untied head, labels and auxiliary loss.",
        MIXTRAL,
        attentions=True,
        spellings=True,
        matters={"top-k": dict(num_experts_per_tok=1), "rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    Case(
        "qwen3-moe",
        "basic",
        "A plain batch: normalised heads wider than hidden / heads, top-3 of 6 experts renormalised, untied head, labels.",
        {**QWEN, "head_dim": 16, "num_attention_heads": 3, "num_key_value_heads": 1},
        attentions=True,
        spellings=True,
        matters={"norm_topk_prob": dict(norm_topk_prob=False)},
        matters_weights=("q_norm.weight", "k_norm.weight"),
    ),
    Case(
        "afmoe",
        "basic",
        "A plain batch: one dense layer, sliding and full layers in turn, one shared expert, non-zero expert bias, "
        "route_scale 2.826, muP.",
        AFMOE,
        attentions=True,
        spellings=True,
        matters={"route_scale": dict(route_scale=1.0), "mup": dict(mup_enabled=False)},
        matters_weights=("expert_bias", "shared_experts.down_proj.weight", "self_attn.gate_proj.weight"),
    ),
]
