"""Makes packages/testing/__fixtures__/quantized: tiny checkpoints, quantised by each library, and logits of transformers on the weights
that the library decodes, in float32.

    python tools/reference/golden_quantized_models.py [NAME ...]

Needs requirements.txt and requirements-quantization.txt. A folder has config.json, model.safetensors and golden.json with `inputIds`
and `logits` of the last position.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AfmoeConfig, AutoModelForCausalLM, GptOssConfig, MixtralConfig, Qwen3MoeConfig

import golden_quantizers as quantizers

OUT = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__" / "quantized"

COMMON = dict(
    vocab_size=64,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=64,
    num_experts_per_tok=2,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)

FAMILIES = {
    "qwen3-moe": lambda: Qwen3MoeConfig(**COMMON, head_dim=32, intermediate_size=32, moe_intermediate_size=32, num_experts=4),
    "mixtral": lambda: MixtralConfig(**COMMON, intermediate_size=32, num_local_experts=4),
    "gpt-oss": lambda: GptOssConfig(**COMMON, head_dim=32, intermediate_size=32, num_local_experts=4, sliding_window=8),
    "afmoe": lambda: AfmoeConfig(
        **COMMON, head_dim=32, intermediate_size=64, moe_intermediate_size=32, num_experts=4, num_dense_layers=1, num_shared_experts=1, sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
    ),
}

INPUT_IDS = [1, 17, 5, 40, 63, 9, 22, 31, 8, 11]


def main() -> None:
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    for name, (family, quantize) in quantizers.MODELS.items():
        if not asked or name in asked:
            write(name, family, quantize)


def write(name: str, family: str, quantize) -> None:
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as plain:
        config, tensors = base(family, Path(plain))
        files, decoded = quantize(config, tensors, Path(plain))
        save_file({key: value.contiguous() for key, value in files.pop("model.safetensors").items()}, folder / "model.safetensors", {"format": "pt"})
        for file, value in files.items():
            (folder / file).write_text(json.dumps(value, indent=2) + "\n")
        logits = logits_of(config, {**tensors, **decoded})
    golden = {"inputIds": INPUT_IDS, "logits": [float(value) for value in logits]}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(name, sum(file.stat().st_size for file in folder.iterdir()))


def base(family: str, folder: Path):
    """A checkpoint in bfloat16 as transformers saves it, with weights that make logits differ."""
    torch.manual_seed(sum(map(ord, family)))
    model = AutoModelForCausalLM.from_config(FAMILIES[family](), dtype=torch.float32)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1 + (1.0 if "norm" in key else 0.0))
    model.to(torch.bfloat16).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    return config, load_file(folder / "model.safetensors")


def logits_of(config: dict, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps({**config, "dtype": "float32"}))
        save_file({key: value.float().contiguous() for key, value in tensors.items()}, Path(folder) / "model.safetensors", {"format": "pt"})
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([INPUT_IDS])).logits[0, -1]


if __name__ == "__main__":
    main()
