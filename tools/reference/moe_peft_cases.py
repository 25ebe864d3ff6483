"""The adapters that `moe_peft_golden.py` runs."""

from dataclasses import dataclass, field

# MoE-PEFT refuses a dropout of 0. 1 - p is 1 here, so that nothing is dropped and nothing scaled.
NO_DROPOUT = 1e-30

FEED_FORWARD = ["gate_proj", "up_proj", "down_proj"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
# Number of padding tokens of the two rows.
LEFT, RIGHT, NONE = ("left", (3, 0)), ("right", (0, 4)), ("none", (0, 0))


@dataclass(frozen=True)
class Case:
    """An adapter on one of the two models, and the side that its rows are padded on."""

    model: str
    name: str
    padding: tuple
    config: dict
    # What MoE-PEFT computes otherwise than its papers.
    departs: tuple[str, ...] = field(default_factory=tuple)


def mixture(kind: str, targets: list[str], **keys) -> dict:
    peft_type = {"loramoe": "LORAMOE", "mola": "MOLA"}.get(kind, "MIXLORA")
    defaults = dict(r=2, lora_alpha=4, lora_dropout=NO_DROPOUT, num_experts=3)
    if kind == "mixlora-switch":
        defaults["jitter_noise"] = 0.0
    return dict(peft_type=peft_type, routing_strategy=kind, target_modules=targets, **{**defaults, **keys})


CASES = [
    Case("qwen3-moe", "mixlora", NONE, mixture("mixlora", FEED_FORWARD, num_experts=4, top_k=2, router_aux_loss_coef=0.05)),
    Case(
        "qwen3-moe",
        "mixlora-one-of-three-rslora",
        RIGHT,
        mixture("mixlora", [*FEED_FORWARD, "q_proj", "v_proj"], top_k=1, r=3, use_rslora=True, router_aux_loss_coef=0.2),
    ),
    Case("qwen3-moe", "mixlora-all-experts", LEFT, mixture("mixlora", ["gate_proj", "down_proj"], top_k=3, lora_alpha=3)),
    Case("qwen3-moe", "mixlora-no-loss", LEFT, mixture("mixlora", ["up_proj", "o_proj"], top_k=2, router_loss=False)),
    Case("mixtral", "mixlora", LEFT, mixture("mixlora", [*ATTENTION, *FEED_FORWARD], num_experts=5, top_k=2, r=3, lora_alpha=5)),
    Case("mixtral", "mixlora-three-of-four", NONE, mixture("mixlora", FEED_FORWARD, num_experts=4, top_k=3, router_aux_loss_coef=0.1)),
    Case("qwen3-moe", "dynamic", NONE, mixture("mixlora-dynamic", FEED_FORWARD, num_experts=4, top_p=0.6, router_aux_loss_coef=0.1)),
    Case("qwen3-moe", "dynamic-every-expert", NONE, mixture("mixlora-dynamic", FEED_FORWARD, top_p=1.0)),
    Case(
        "qwen3-moe",
        "dynamic-temperature",
        NONE,
        mixture("mixlora-dynamic", FEED_FORWARD, num_experts=4, top_p=0.7, temperature=0.8, router_aux_loss_coef=0.1),
    ),
    Case(
        "qwen3-moe",
        "dynamic-padded",
        LEFT,
        mixture("mixlora-dynamic", [*FEED_FORWARD, "k_proj"], num_experts=4, top_p=0.5, router_aux_loss_coef=0.5),
        departs=("router_loss",),
    ),
    Case("mixtral", "dynamic", NONE, mixture("mixlora-dynamic", [*FEED_FORWARD, "o_proj"], top_p=0.55, use_rslora=True)),
    Case(
        "qwen3-moe",
        "switch",
        NONE,
        mixture("mixlora-switch", FEED_FORWARD, router_aux_loss_coef=0.1, router_z_loss_coef=0.05),
        departs=("inference_logits",),
    ),
    Case(
        "qwen3-moe",
        "switch-beyond-capacity",
        NONE,
        mixture("mixlora-switch", [*FEED_FORWARD, "q_proj"], num_experts=2, expert_capacity=3, router_aux_loss_coef=0.1),
        departs=("inference_logits", "logits", "router_loss"),
    ),
    Case(
        "qwen3-moe",
        "switch-padded",
        LEFT,
        mixture("mixlora-switch", FEED_FORWARD, num_experts=2, expert_capacity=3, r=3, router_aux_loss_coef=0.5, router_z_loss_coef=0.1),
        departs=("inference_logits", "logits", "router_loss"),
    ),
    Case(
        "mixtral",
        "switch",
        RIGHT,
        mixture("mixlora-switch", [*FEED_FORWARD, "v_proj"], num_experts=4, router_aux_loss_coef=0.5, router_z_loss_coef=0.1),
        departs=("inference_logits", "router_loss"),
    ),
    Case("qwen3-moe", "loramoe", LEFT, mixture("loramoe", [*FEED_FORWARD, *ATTENTION], num_experts=4)),
    Case("qwen3-moe", "loramoe-rslora", NONE, mixture("loramoe", ["gate_proj", "down_proj"], r=4, lora_alpha=6, use_rslora=True)),
    Case("mixtral", "loramoe", RIGHT, mixture("loramoe", ["up_proj", "down_proj", "q_proj"], r=3)),
    Case(
        "qwen3-moe",
        "mola",
        LEFT,
        mixture("mola", [*FEED_FORWARD, *ATTENTION], num_experts=3, top_k=2, router_loss=True, router_aux_loss_coef=0.3),
    ),
    Case("qwen3-moe", "mola-one-of-four", NONE, mixture("mola", ["q_proj", "o_proj", "up_proj"], num_experts=4, top_k=1, use_rslora=True)),
    Case(
        "mixtral",
        "mola",
        RIGHT,
        mixture("mola", ["k_proj", "v_proj", "gate_proj", "down_proj"], r=3, top_k=2, router_loss=True, router_aux_loss_coef=0.3),
    ),
]

# Whose first values are measured: enough experts for a mean.
MANY = dict(num_experts=256, r=4)
FRESH = [
    mixture("loramoe", FEED_FORWARD, **MANY),
    mixture("loramoe", FEED_FORWARD, **MANY, router_init_range=1.0),
    mixture("mola", ATTENTION, **MANY, lora_init="gaussian"),
    mixture("mola", ["gate_proj"], **MANY, router_init_range=0.0),
    mixture("mixlora", FEED_FORWARD, **MANY),
    mixture("mixlora", FEED_FORWARD, **MANY, router_init_range=0.3, lora_init="gaussian"),
    mixture("mixlora-dynamic", FEED_FORWARD, **MANY),
    mixture("mixlora-switch", FEED_FORWARD, **MANY),
]
