"""Checks that transformers loads what `sample-generate merge` writes, and that it computes what peft computes with the adapter.

    npm run build && python tools/reference/check_merged.py

Needs torch 2.13.0, transformers 5.18.0 and peft 0.21.2, and Node on the path. Adapters: every golden one of the three families
that Hugging Face peft reads. Each is merged as it is, in bfloat16, in float16 and in shards. Then

- transformers finds no tensor missing, unexpected or of another shape, and all of the dtype that was asked for,
- in float32 its logits (eager) are those of the model with the adapter on it in peft, within 1e-4,
- in the short dtypes its tensors are those of the float32 checkpoint, rounded once.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "packages" / "testing" / "__fixtures__"
COMMAND = ROOT / "apps" / "sample-generate" / "bin" / "sample-generate.js"
FAMILIES = ["afmoe", "mixtral", "qwen3-moe"]
IDS = [[(i * i * 7 + i * 13 + row * 31 + 5) % 97 for i in range(11)] for row in range(2)]
TOLERANCE = 1e-4
WAYS = {
    "float32": ["--dtype", "float32"],
    "sharded": ["--dtype", "float32", "--max-shard-size", "40KB"],
    "bfloat16": ["--dtype", "bfloat16"],
    "float16": ["--dtype", "float16"],
}
EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}


def adapters():
    for family in FAMILIES:
        for folder in sorted((FIXTURES / "adapters" / family).iterdir()):
            config = json.loads((folder / "adapter_config.json").read_text())
            if config["peft_type"] == "LORA":
                yield folder, FIXTURES / "models" / json.loads((folder / "case.json").read_text())["model"]


def merge(adapter, base, output, flags):
    """Runs the command. None where it merges, else what it says."""
    command = ["node", COMMAND, "merge", "--model", base, "--adapter", adapter, "--output", output, "--engine", "wasm"]
    ended = subprocess.run([*map(str, command), *flags], capture_output=True, text=True)
    return None if ended.returncode == 0 else ended.stderr.strip()


def tensors_of(folder):
    return {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}


def logits(model):
    with torch.no_grad():
        return model.float().eval()(torch.tensor(IDS)).logits


def check(adapter, base, out):
    """The largest difference of a logit, or why the adapter is not merged."""
    expected = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, **EAGER), adapter))
    worst, rounded = 0.0, None
    for way, flags in WAYS.items():
        folder = out / f"{adapter.parent.name}-{adapter.name}-{way}"
        refusal = merge(adapter, base, folder, flags)
        if refusal:
            assert not folder.exists(), f"{folder} was left by a merge that failed"
            return refusal
        assert (folder / "model.safetensors.index.json").exists() == (way == "sharded"), folder
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True, **EAGER)
        wrong = {key: value for key, value in info.items() if value}
        assert not wrong, f"{folder}: {wrong}"
        dtype = torch.float32 if way == "sharded" else getattr(torch, way)
        # Of the files: of a model in float16, transformers keeps some parameters in float32.
        tensors = tensors_of(folder)
        assert {tensor.dtype for tensor in tensors.values()} == {dtype}, folder
        if dtype == torch.float32:
            rounded = tensors
            difference = (logits(model) - expected).abs().max().item()
            assert difference <= TOLERANCE, f"{folder}: logits differ by {difference}"
            worst = max(worst, difference)
        else:
            assert tensors.keys() == rounded.keys(), folder
            for name, tensor in tensors.items():
                assert torch.equal(tensor, rounded[name].to(dtype)), f"{folder}: {name} is rounded otherwise"
    return worst


def main():
    torch.set_num_threads(1)
    merged = 0
    with tempfile.TemporaryDirectory() as out:
        for adapter, base in adapters():
            result = check(adapter, base, Path(out))
            name = f"{adapter.parent.name}/{adapter.name}"
            if isinstance(result, str):
                print(f"{name}: refused: {result}")
                continue
            merged += 1
            print(f"{name}: {len(WAYS)} checkpoints load, logits within {result:.1e}")
    assert merged >= 10, f"only {merged} adapters were merged"


if __name__ == "__main__":
    main()
