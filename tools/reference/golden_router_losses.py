"""router-losses.json: load-balancing loss and z-loss of router logits, with their gradients, as transformers computes them.

The loss is that of the softmax families. Those that score by a sigmoid (AFMoE, DeepSeek-V3) have none in transformers.
"""

from pathlib import Path

import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func
from transformers.models.switch_transformers.modeling_switch_transformers import router_z_loss_func

from golden_io import numbers, write_json

# name, rows, length, layers, experts, top-k, real tokens of each row (None: no mask), the side of the padding
SETS = [
    ("plain", 2, 5, 2, 4, 2, None, None),
    ("one-layer", 1, 6, 1, 6, 3, None, None),
    ("left-padded", 3, 6, 3, 5, 2, (6, 4, 1), "left"),
    ("right-padded", 3, 6, 2, 8, 4, (5, 2, 6), "right"),
    ("all-experts", 2, 4, 2, 3, 3, None, None),
    ("top-1", 2, 4, 2, 5, 1, (4, 3), "right"),
]


def write(out: Path) -> None:
    cases = {}
    for name, rows, length, layers, experts, k, lengths, side in SETS:
        generator = torch.Generator().manual_seed(len(cases))
        logits = [2 * torch.randn((rows * length, experts), generator=generator) for _ in range(layers)]
        mask = None
        if lengths:
            slots = torch.arange(length)
            real = [slots >= length - n if side == "left" else slots < n for n in lengths]
            mask = torch.stack(real).to(torch.int64)
        case = {"top_k": k, "attention_mask": mask.tolist() if lengths else None, "router_logits": [numbers(x) for x in logits]}
        for kind, function in (("load_balancing", balance), ("z", z)):
            leaves = [x.clone().requires_grad_() for x in logits]
            loss = function(leaves, experts, k, mask)
            loss.backward()
            case[kind] = {"loss": numbers(loss), "gradients": [numbers(x.grad) for x in leaves]}
        cases[name] = case
    write_json(out / "router-losses.json", cases, indent=None)


def balance(logits, experts, k, mask) -> torch.Tensor:
    """All layers together; padding does not count."""
    return load_balancing_loss_func(tuple(logits), experts, k, mask)


def z(logits, experts, k, mask) -> torch.Tensor:
    """The mean over all layers and real tokens, which are handed to the reference as one row."""
    rows = torch.cat([x if mask is None else x[mask.flatten() == 1] for x in logits])
    return router_z_loss_func(rows[None])
