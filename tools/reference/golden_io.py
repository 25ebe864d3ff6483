"""Writing golden files so that the same inputs give the same bytes."""

import gzip
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file


def write_json(path: Path, value, *, indent: int | None = 2) -> None:
    """Write `value` as JSON; `indent=None` gives each key at the top, and each item of a list of objects, one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if indent is None:
        text = "{\n" + ",\n".join(f" {json.dumps(key)}: {_lines(item)}" for key, item in value.items()) + "\n}"
    else:
        text = json.dumps(value, indent=indent)
    path.write_text(text + "\n", encoding="utf-8")


def write_json_gz(path: Path, value) -> None:
    """Write `value` as compressed JSON, without a time in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(value).encode(), mtime=0))


def _lines(value) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_lines(item)}" for item in value) + "\n ]"
    return json.dumps(value, separators=(",", ":"))


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


def numbers(tensor: torch.Tensor):
    """Nested lists of the shortest decimals that read back as the same float32; minus infinity becomes null."""
    if tensor.ndim:
        return [numbers(row) for row in tensor]
    value = tensor.detach().to(torch.float32).numpy()
    return None if np.isneginf(value) else float(str(value))
