"""Golden of `resize_token_embeddings`: sizes, and the mean and spread of the rows that are added."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from golden_io import numbers, write_json

# (checkpoint, rows asked for, pad_to_multiple_of, rows to cut it to first)
CASES = [
    ("mixtral/basic", 105, None, None),
    ("mixtral/basic", 98, 64, None),
    ("mixtral/basic", None, 16, None),
    ("mixtral/basic", 40, None, None),
    # Fewer rows than columns: the covariance is singular, and new rows are the mean.
    ("mixtral/basic", 24, None, 20),
    ("qwen3-moe/basic", 100, None, 20),
]


def case(models: Path, checkpoint: str, rows: int | None, multiple: int | None, cut: int | None) -> dict:
    model = AutoModelForCausalLM.from_pretrained(models / checkpoint, dtype=torch.float32)
    if cut is not None:
        model.resize_token_embeddings(cut)
    before = model.get_input_embeddings().weight.shape[0]
    torch.manual_seed(0)
    model.resize_token_embeddings(rows, pad_to_multiple_of=multiple)
    after = model.config.vocab_size
    golden = {
        "checkpoint": checkpoint,
        "cut": cut,
        "vocabSize": rows,
        "padToMultipleOf": multiple,
        "rows": after,
        "isTied": model.config.tie_word_embeddings,
    }
    if after > before:
        for name, module in (("embedding", model.get_input_embeddings()), ("head", model.get_output_embeddings())):
            added = module.weight.detach()[before:]
            golden[name] = {"first": numbers(added[0]), "isMean": bool((added == added[0]).all())}
    return golden


def write(out: Path, models: Path) -> None:
    cases = [case(models, *each) for each in CASES]
    write_json(out / "resize" / "embeddings.json", {"cases": cases}, indent=None)
