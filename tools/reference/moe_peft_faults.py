"""Shows the faults of MoE-PEFT 2.0.2 that docs/adapters.md names and that no golden file can hold. Fails if one of them is not there.

Runs where `moe_peft_golden.py` does, whose first lines say how.
"""

import sys
import tempfile
from pathlib import Path

from moe_peft_cases import FEED_FORWARD, NONE, mixture
from moe_peft_golden import fill, inputs_of, run  # sets MoE-PEFT to the CPU: before torch

import torch
from moe_peft import AdapterConfig, LLMBatchConfig, LLMModelInput, TrainConfig, adapter_factory
from moe_peft.tasks import CasualTask
from moe_peft.trainer import save_adapter_weight
from moe_peft_models import Base

BASE = Base("qwen3-moe")
ROWS = inputs_of(NONE, 0)


def model_with(name: str = "default", model=None, **keys):
    model = model or BASE.load()
    model.init_adapter(adapter_factory(adapter_name=name, **keys))
    fill(model, name, 1)
    return model


def logits(model, name: str = "default", **options) -> torch.Tensor:
    torch.manual_seed(0)
    return run(model, {name: ROWS}, **options)[0].logits.detach()


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return (a - b).abs().max().item()


def two_rows(**options) -> LLMModelInput:
    return LLMModelInput(batch_configs_=[LLMBatchConfig("default", 0, 2)], **options)


def saved(model) -> tuple[dict, dict]:
    with tempfile.TemporaryDirectory() as scratch:
        save_adapter_weight(model, TrainConfig(adapter_name="default", task_=CasualTask()), scratch)
        again = BASE.load()
        again.load_adapter(str(Path(scratch) / "default"), "default")
        return again.get_adapter_weight_dict("default"), again.adapter_configs_["default"]


def dropout_in_inference():
    """Dropout is on in inference: two passes differ."""
    model = model_with(**mixture("mixlora", FEED_FORWARD, top_k=2, lora_dropout=0.3))
    torch.manual_seed(0)
    first, second = (run(model, {"default": ROWS}, inference=True)[0].logits for _ in range(2))
    return distance(first, second)


def gradient_under_dropout():
    """The gradient of A under dropout, in the operator that plain LoRA goes by, is not that of what was computed."""
    gradients = []
    for efficient in (True, False):
        model = model_with(**mixture("mixlora", ["q_proj", *FEED_FORWARD], top_k=2, lora_dropout=0.3))
        q_proj = model.model_.layers_[0].self_attn_.wq_
        x = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(3))
        rows = two_rows(efficient_operator_=efficient)
        torch.manual_seed(0)
        y = q_proj.forward(x, rows)
        y.square().sum().backward()
        lora = q_proj.loras_["default"]
        gradients.append((y.detach(), lora.lora_a_.weight.grad))
    (theirs, by_hand), (same, automatic) = gradients
    assert distance(theirs, same) < 1e-5, "the two operators drop the same numbers"
    return distance(by_hand, automatic) / automatic.abs().max().item()


def magnitude_is_lost():
    """DoRA's magnitude is neither among the trained parameters nor in the file."""
    keys = mixture("mixlora", FEED_FORWARD, top_k=2, use_dora=True)
    model = model_with(**keys)
    names = model.get_adapter_weight_dict("default")
    assert not any("magnitude" in name for name in names), names
    expert = model.model_.layers_[0].mlp_.mlp_.w1_.loras_["moe.default.experts.0"]
    with torch.no_grad():
        expert.magnitude_vector_.mul_(2)
    before = logits(model)
    tensors, _ = saved(model)
    again = BASE.load()
    again.init_adapter(adapter_factory(adapter_name="default", **keys), tensors)
    return distance(before, logits(again))


def config_is_lost():
    """The file leaves out what the router's losses and noise were."""
    keys = dict(router_aux_loss_coef=0.5, router_z_loss_coef=0.25, jitter_noise=0.1)
    _, config = saved(model_with(**mixture("mixlora-switch", FEED_FORWARD, **keys)))
    found = (config.router_aux_loss_coef_, config.router_z_loss_coef_, config.jitter_noise_)
    assert found == (0.001, 0.001, 0.01), found
    return keys["router_aux_loss_coef"] - found[0]


def missing_tensors():
    """Tensors that a file lacks are random."""
    keys = mixture("mola", ["q_proj"], top_k=2)
    model = model_with(**keys)
    tensors = {name: tensor.detach().clone() for name, tensor in model.get_adapter_weight_dict("default").items()}
    lost = next(name for name in tensors if name.endswith("moe_gate.weight"))
    del tensors[lost]
    again = BASE.load()
    again.init_adapter(adapter_factory(adapter_name="default", **keys), tensors)
    return distance(logits(model), logits(again))


def neighbours():
    """A LoRAMoE or MoLA is lost in feed-forwards where the model has a MixLoRA as well; with router logits, the pass fails."""
    alone = model_with("loramoe", **mixture("loramoe", FEED_FORWARD))
    beside = model_with("loramoe", **mixture("loramoe", FEED_FORWARD))
    model_with("mixlora", model=beside, **mixture("mixlora", FEED_FORWARD, top_k=2))
    base = BASE.load()
    base.init_adapter(AdapterConfig(adapter_name="none"))
    found = logits(beside, "loramoe", router_logits=False)
    assert distance(found, logits(base, "none")) < 1e-5, "nothing of the adapter is left"
    try:
        logits(beside, "loramoe")
        raise AssertionError("expected a TypeError")
    except TypeError:
        return distance(found, logits(alone, "loramoe"))


def jitter_of_experts():
    """Jitter moves what MixLoRA's experts see, in place, not the router's input alone."""
    model = model_with(**mixture("mixlora", FEED_FORWARD, top_k=3, jitter_noise=0.3))
    layer = model.model_.layers_[0]
    with torch.no_grad():
        layer.mlp_.moes_["default"].gate_.weight.zero_()  # whatever it sees, every expert weighs the same
    x = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(3))
    before = x.clone()
    torch.manual_seed(0)
    layer.mlp_.forward(x, two_rows())
    return distance(x, before)


def without_effect():
    """MixLoRA-switch does nothing in inference but hand on what it gets: neither adapter nor feed-forward."""
    model = model_with(**mixture("mixlora-switch", FEED_FORWARD))
    layer = model.model_.layers_[0]
    x = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(3))
    y, _ = layer.mlp_.forward(x, two_rows(inference_mode_=True))
    assert distance(x, y) == 0, distance(x, y)
    with torch.no_grad():
        return distance(x, layer.mlp_.mlp_._batch_forward(x, two_rows()))


FAULTS = [
    dropout_in_inference,
    gradient_under_dropout,
    magnitude_is_lost,
    config_is_lost,
    missing_tensors,
    neighbours,
    jitter_of_experts,
    without_effect,
]


def main() -> int:
    torch.set_num_threads(1)
    failed = 0
    for fault in FAULTS:
        found = fault()
        failed += found < 1e-3
        print(f"{found:8.3f}  {fault.__doc__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
