"""AFMoE cases."""

from golden_base import COMMON, DEFAULT_ROPE, DYNAMIC, LINEAR, LLAMA3, POSITIONS, YARN, longrope
from golden_case import Case

BASE = dict(
    **COMMON,
    num_hidden_layers=3,
    intermediate_size=20,
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
    rope_parameters=DEFAULT_ROPE,
)
# Small enough that every RoPE type can have its own checkpoint: a dense sliding layer, a sparse full one.
ROPE = {
    **BASE,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "sliding_window": 24,
    "tie_word_embeddings": True,
}
PLAIN_ROPE = {"rope type": dict(rope_parameters=DEFAULT_ROPE)}


def case(name: str, purpose: str, changes: dict, base: dict = BASE, **rest) -> Case:
    return Case("afmoe", name, purpose, {**base, **changes}, **rest)


CASES = [
    case(
        "basic",
        "A plain batch: one dense layer, sliding and full layers in turn, one shared expert, non-zero expert bias, "
        "route_scale 2.826, muP.",
        {},
        attentions=True,
        spellings=("fused", "sharded"),
        matters={"route_scale": dict(route_scale=1.0), "mup": dict(mup_enabled=False)},
        matters_weights=("expert_bias", "shared_experts.down_proj.weight", "self_attn.gate_proj.weight"),
        expert_layers=(1, 2),
    ),
    case(
        "left-padded",
        "Three unequal rows padded on the left, in the forward pass and in generation; no dense layer, two shared "
        "experts, no muP, a large epsilon.",
        dict(
            num_hidden_layers=2,
            num_dense_layers=0,
            num_shared_experts=2,
            mup_enabled=False,
            rms_norm_eps=0.01,
            tie_word_embeddings=True,
        ),
        lengths=(10, 6, 3),
        pad="left",
        attentions=True,
        greedy=(7, 4, 2),
        matters={"mup": dict(mup_enabled=True), "rms_norm_eps": dict(rms_norm_eps=1e-6)},
        matters_weights=("q_norm.weight", "k_norm.weight", "expert_bias"),
        expert_layers=(0, 1),
    ),
    case(
        "right-padded",
        "Two unequal rows padded on the right, two dense layers of three, a single kv head.",
        dict(num_dense_layers=2, num_key_value_heads=1, tie_word_embeddings=True),
        lengths=(9, 5),
        pad="right",
        greedy=(6, 3),
        expert_layers=(2,),
    ),
    case(
        "positions",
        "Explicit position ids that skip, repeat and run backwards, which full layers do not see; tied head with muP.",
        dict(num_hidden_layers=2, tie_word_embeddings=True),
        lengths=(8, 8),
        pad="right",
        positions=POSITIONS,
        matters={"rope": dict(rope_parameters={"rope_theta": 1e6})},
    ),
    case(
        "window",
        "Windows of 5 slots in layers 0 and 2 and none in layer 1, given by layer_types, on rows of 20 and 13 padded on "
        "the left; generation slides far beyond the window.",
        dict(
            sliding_window=5,
            num_experts=4,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        ),
        lengths=(20, 13),
        pad="left",
        greedy=(10, 7),
        matters={"no window": dict(sliding_window=64), "off by one": dict(sliding_window=6)},
    ),
    case(
        "all-sliding",
        "Every layer sliding with a window of 8; route_scale 1, top-3, untied head, no muP.",
        dict(
            num_hidden_layers=2,
            layer_types=["sliding_attention"] * 2,
            sliding_window=8,
            route_scale=1.0,
            num_experts_per_tok=3,
            mup_enabled=False,
        ),
        lengths=(14, 14),
        greedy=(5, 5),
        matters={"no window": dict(sliding_window=64), "route_scale": dict(route_scale=2.826)},
    ),
    case(
        "all-full",
        "Every layer full, so no positions at all; kv heads null, that is as many as heads; biases in the attention.",
        dict(
            num_hidden_layers=2,
            layer_types=["full_attention"] * 2,
            num_key_value_heads=None,
            attention_bias=True,
        ),
        lengths=(12, 7),
        pad="right",
        greedy=(5, 4),
        matters_weights=("q_proj.bias", "v_proj.bias", "o_proj.bias"),
        indifferent={"rope": dict(rope_parameters={"rope_theta": 100.0})},
    ),
    case(
        "rope-linear",
        "Linear RoPE scaling on the sliding layer alone.",
        dict(rope_parameters=LINEAR),
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
        "YaRN, factor 4 over 64 original positions: its attention factor must not touch the full layer.",
        dict(max_position_embeddings=256, rope_parameters=YARN),
        ROPE,
        lengths=(12,),
        matters={**PLAIN_ROPE, "attention factor": dict(rope_parameters={**YARN, "attention_factor": 1.0})},
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
        "A bfloat16 checkpoint, norms and expert_bias included: its weights decoded to float32, everything computed in "
        "float32.",
        dict(num_hidden_layers=2, sliding_window=8),
        dtype="bfloat16",
    ),
    case(
        "float16",
        "A float16 checkpoint in which norms and expert_bias stay float32, as the reference keeps them; everything "
        "computed in float32.",
        dict(num_hidden_layers=2, sliding_window=8, num_experts=4, tie_word_embeddings=True),
        dtype="float16",
        greedy=None,
    ),
]
