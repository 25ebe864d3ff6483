"""What transformers makes of checkpoints as people have them: odd tensors, odd keys, odd names.

Each case edits a golden checkpoint; the edits are data, so that the TypeScript test makes the same checkpoint.
"""

import json
import re
import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from golden_cases_checkpoints import FAMILIES, cases
from golden_io import write_json_gz

MODELS = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__" / "models"
PROMPT = [5, 17, 60, 33, 2, 90]
SAMPLED = 12


def write(out: Path) -> None:
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    results = {family: [run(family, case) for case in cases(family)] for family in FAMILIES}
    write_json_gz(out / "checkpoints.json.gz", {"prompt": PROMPT, **results})


def run(family: str, case: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        make(MODELS / family / case.get("base", "basic"), Path(folder), case)
        return {**case, "reference": ask(folder)}


def make(base: Path, folder: Path, case: dict) -> None:
    config = json.loads((base / "config.json").read_text())
    for key in case.get("drop", []):
        config.pop(key, None)
    config.update(case.get("set", {}))
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(base / "model.safetensors")
    for edit in case.get("tensors", []):
        tensors = apply(edit, tensors)
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, folder / "model.safetensors")


def apply(edit: dict, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One edit of the tensors: `rename` by a regular expression, `drop`, `add` (ones, or a multiple of another tensor) or `cast`."""
    if "rename" in edit:
        return {re.sub(edit["rename"], edit["to"], name): value for name, value in tensors.items()}
    if "drop" in edit:
        return {name: value for name, value in tensors.items() if not re.search(edit["drop"], name)}
    if "cast" in edit:
        dtype = getattr(torch, edit["dtype"])
        return {n: v.to(dtype) if re.search(edit["cast"], n) else v for n, v in tensors.items()}
    if "of" in edit:
        return {**tensors, edit["add"]: tensors[edit["of"]] * edit.get("times", 1)}
    return {**tensors, edit["add"]: torch.ones(edit["shape"])}


def ask(folder: str) -> dict:
    """What the reference computes, or the class of its error. Tensors that it would fill with random values are `missing`."""
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager", output_loading_info=True
        )
        if info["missing_keys"]:
            return {"missing": sorted(info["missing_keys"])}
        ids = torch.tensor([PROMPT])
        with torch.no_grad():
            logits = model.eval()(ids, use_cache=False).logits[0, -1]
    except Exception as error:  # every refusal counts; its text may hold a path, so the class alone is kept
        return {"error": type(error).__name__}
    tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    return {
        "unexpected": sorted(info["unexpected_keys"]),
        "tied": tied,
        "logits": [round(float(value), 5) for value in logits[:SAMPLED]],
    }
