"""Goldens of `merge_and_unload` of Hugging Face peft: the tensors that it changes, as `save_pretrained` writes them."""

import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from golden_io import write_tensors

# (adapter, checkpoint that it is merged into, dtype to load in)
CASES = [
    ("mixtral/rslora-all", "mixtral/right-padded", torch.float32),
    ("mixtral/dora-attention", "mixtral/basic", torch.float32),
    ("mixtral/lora-attention", "mixtral/basic", torch.bfloat16),
    ("mixtral/lora-attention", "mixtral/basic", torch.float16),
    ("qwen3-moe/lora-experts", None, torch.float32),
    ("afmoe/lora-router-experts", None, torch.float32),
]


def write(out: Path, fixtures: Path) -> None:
    for adapter, checkpoint, dtype in CASES:
        folder = fixtures / "adapters" / adapter
        base = fixtures / "models" / (checkpoint or _model_of(folder))
        name = f"{adapter.replace('/', '-')}-{str(dtype).removeprefix('torch.')}"
        # What is merged in float16 here is merged in float32 and cast: sums that are rounded once.
        loaded = torch.float32 if dtype == torch.float16 else dtype
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=loaded, attn_implementation="eager", experts_implementation="eager"
        )
        merged = PeftModel.from_pretrained(model, folder).merge_and_unload().to(dtype)
        with tempfile.TemporaryDirectory() as scratch:
            merged.save_pretrained(scratch)
            tensors = load_file(Path(scratch) / "model.safetensors")
        before = load_file(base / "model.safetensors")
        if set(tensors) != set(before):
            raise RuntimeError(f"{name}: expected the names of the checkpoint, got {set(tensors) ^ set(before)}")
        changed = {key: value for key, value in tensors.items() if not torch.equal(value, before[key].to(dtype))}
        write_tensors(out / "merged" / f"{name}.safetensors", changed)


def _model_of(folder: Path) -> str:
    import json

    return json.loads((folder / "case.json").read_text())["model"]
