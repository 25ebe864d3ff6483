"""Golden of attention dropout: losses and gradients in training mode, with the masks that `Rng` of `@mixtape/ops` draws.

torch's own masks are not ours, so `torch.nn.functional.dropout` is replaced by one that draws ours: what is compared is where
the reference drops, what it scales, and the gradients of that.
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

import golden_models
from golden_io import numbers, write_json

P = 0.25
SEED = 12345
# (folder, family, whether several texts share a row)
CASES = [
    ("mixtral/basic", "mixtral", False),
    ("mixtral/left-padded", "mixtral", False),
    ("mixtral/basic", "mixtral", True),
    ("qwen3-moe/window", "qwen3-moe", False),
    ("afmoe/right-padded", "afmoe", False),
]
PARAMS = (
    "embed_tokens.weight",
    "layers.0.self_attn.q_proj.weight",
    "layers.1.self_attn.k_proj.weight",
    "layers.0.self_attn.v_proj.weight",
    "layers.1.self_attn.o_proj.weight",
)


def finalize(h: np.ndarray) -> np.ndarray:
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def mix(key: np.ndarray, i: np.ndarray) -> np.ndarray:
    return finalize(finalize(i + np.uint32(0x9E3779B9)) ^ key)


def uniform(seed: int, draw: int, shape: torch.Size) -> torch.Tensor:
    """As `packages/ops` draws: counter-based, by murmur3's finaliser."""
    at = np.arange(int(np.prod(shape)), dtype=np.uint32)
    one = lambda value: np.array([value], dtype=np.uint32)  # noqa: E731
    key = mix(mix(one(seed & 0xFFFFFFFF), one(seed >> 32)), one(draw))
    return torch.from_numpy(((mix(key, at) >> np.uint32(8)) * 2.0**-24).astype(np.float32)).reshape(shape)


def segment_mask(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two texts in each row: numbers of texts, positions, and the mask `[B, 1, L, L]` that eager attention adds."""
    rows, length = ids.shape
    first = length // 3
    segments = (torch.arange(length) >= first).to(torch.int64).expand(rows, length)
    positions = torch.cat([torch.arange(first), torch.arange(length - first)]).expand(rows, length)
    sees = (segments[:, :, None] == segments[:, None, :]) & torch.ones(length, length, dtype=torch.bool).tril()
    mask = torch.zeros(rows, 1, length, length).masked_fill(~sees[:, None], torch.finfo(torch.float32).min)
    return segments, positions, mask


def case(folder: Path, family: str, packed: bool) -> dict:
    config_class, model_class = golden_models.classes_of(family)
    config = config_class.from_pretrained(folder)
    config.attention_dropout = P
    model = model_class.from_pretrained(folder, config=config, dtype=torch.float32, **golden_models.EAGER).train()
    golden = load_file(folder / "golden.safetensors")
    inputs = {name: golden[name] for name in ("input_ids", "labels", "attention_mask", "position_ids") if name in golden}
    ours = {"inputIds": inputs["input_ids"], "labels": inputs["labels"]}
    if packed:
        segments, inputs["position_ids"], inputs["attention_mask"] = segment_mask(inputs["input_ids"])
        ours |= {"documentIds": segments, "positionIds": inputs["position_ids"]}
    else:
        names = {"attention_mask": "attentionMask", "position_ids": "positionIds"}
        ours |= {names[name]: inputs[name] for name in names if name in inputs}
    draws = 0

    def dropout(x, p=0.5, training=True, inplace=False):
        nonlocal draws
        if not training or p == 0:
            return x
        kept = (uniform(SEED, draws, x.shape) >= p).to(x.dtype)
        draws += 1
        return x * (kept * np.float32(1 / (1 - p)).item())

    original = torch.nn.functional.dropout
    torch.nn.functional.dropout = dropout
    try:
        loss = model(**inputs, use_cache=False).loss
        loss.backward()
    finally:
        torch.nn.functional.dropout = original
    if draws != config.num_hidden_layers:
        raise RuntimeError(f"{folder}: expected a draw in each layer, got {draws}")
    row = min(id for id in inputs["input_ids"].flatten().tolist() if id < 16)
    parameters = dict(model.named_parameters())
    return {
        "checkpoint": f"{folder.parent.name}/{folder.name}",
        "inputs": {name: tensor.tolist() for name, tensor in ours.items()},
        "loss": numbers(loss),
        "gradientNorms": {name: numbers(parameters[f"model.{name}"].grad.norm()) for name in PARAMS},
        # The row of a token that occurs, and a row of each projection.
        "row": row,
        "gradientRows": {name: numbers(parameters[f"model.{name}"].grad[row]) for name in PARAMS},
    }


def write(out: Path, models: Path) -> None:
    value = {
        "dropout": P,
        "seed": SEED,
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]},
        "cases": [case(models / folder, family, packed) for folder, family, packed in CASES],
    }
    write_json(out / "dropout" / "attention.json", value, indent=None)
