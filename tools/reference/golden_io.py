"""Writing golden files so that the same inputs give the same bytes."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file


def write_json(path: Path, value, *, indent: int | None = 2) -> None:
    """Write `value` as JSON with a trailing newline; `indent=None` writes one line per top-level key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if indent is None:
        rows = [f" {json.dumps(key)}: {json.dumps(item, separators=(',', ':'))}" for key, item in value.items()]
        text = "{\n" + ",\n".join(rows) + "\n}"
    else:
        text = json.dumps(value, indent=indent)
    path.write_text(text + "\n", encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a safetensors file without metadata; floats stay in their dtype, integers become I64."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {
        name: (tensor.detach() if tensor.is_floating_point() else tensor.to(torch.int64)).contiguous().clone()
        for name, tensor in tensors.items()
    }
    save_file(plain, path)


def rounded(value: float) -> float:
    """Four significant digits: enough to read, too few to change with the machine."""
    return float(f"{value:.4g}")
