"""adapters-v4/: LoRA of models of transformers 4, which had a linear map for each expert, as peft saved it there.

What they compute is that of the merged weights `W + s·B·A`. peft 0.21 brings them to the fused experts of transformers 5; how far it is off is
printed. It passes over linear maps that are called as experts' matrices are (in dense layers, shared experts, AFMoE's attention), and
scales gate and up of rsLoRA by √2 too much.
"""

import re
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from golden_io import write_json, write_tensors
from golden_peft import MODELS, PeftCase, inputs_of, load_base

FUSED = ["gate_proj", "up_proj", "down_proj"]
CASES = [
    PeftCase("mixtral/basic", "experts", dict(target_modules=["gate", "q_proj", "w1", "w2", "w3"])),
    PeftCase("mixtral/basic", "layer", dict(target_modules=["gate", "w2", "v_proj"], layers_to_transform=[1])),
    PeftCase("mixtral/basic", "rslora", dict(target_modules=["w1", "w2", "w3"], use_rslora=True)),
    PeftCase("qwen3-moe/basic", "experts", dict(target_modules=["gate", "k_proj", *FUSED])),
    PeftCase("qwen3-moe/mlp-only-layers", "dense", dict(target_modules=["q_proj", *FUSED])),
    PeftCase("afmoe/basic", "experts", dict(target_modules=["router.gate", *FUSED], r=3)),
    PeftCase("mixtral/one-expert", "one-expert", dict(target_modules=["k_proj", "w1", "w2", "w3"])),
]
# What peft 0.21 wrote for transformers 4, but for what each case says.
CONFIG = dict(
    peft_type="LORA",
    task_type="CAUSAL_LM",
    auto_mapping=None,
    base_model_name_or_path="base",
    bias="none",
    fan_in_fan_out=False,
    inference_mode=True,
    init_lora_weights=True,
    layers_pattern=None,
    layers_to_transform=None,
    loftq_config={},
    lora_alpha=5,
    lora_dropout=0.0,
    megatron_config=None,
    megatron_core="megatron.core",
    modules_to_save=None,
    r=2,
    rank_pattern={},
    alpha_pattern={},
    revision=None,
    use_dora=False,
    use_rslora=False,
)


def is_target(name: str, config: dict) -> bool:
    layers = config["layers_to_transform"]
    layer = re.search(r"\.layers\.(\d+)\.", name)
    if layers and not (layer and int(layer[1]) in layers):
        return False
    return any(name.endswith(f".{target}.weight") for target in config["target_modules"])


def write_case(case: PeftCase, out: Path, seed: int) -> str:
    config = CONFIG | case.config
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: 0.15 * torch.randn(shape, generator=generator)
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / (rank**0.5 if config["use_rslora"] else rank)
    weights = load_file(MODELS / case.model / "model.safetensors")
    adapter, merged = {}, dict(weights)
    for name in sorted(weights):
        if not is_target(name, config):
            continue
        a, b = random(rank, weights[name].shape[1]), random(weights[name].shape[0], rank)
        module = "base_model.model." + name.removesuffix(".weight")
        adapter |= {f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}
        merged[name] = weights[name] + scale * (b @ a)
    folder = out / "adapters-v4" / case.model.split("/")[0] / case.name
    write_json(folder / "adapter_config.json", config)
    write_tensors(folder / "adapter_model.safetensors", adapter)
    write_json(folder / "case.json", {"model": case.model}, indent=None)
    inputs = inputs_of(case)
    with tempfile.TemporaryDirectory() as model, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shutil.copy(MODELS / case.model / "config.json", model)
        save_file(merged, Path(model) / "model.safetensors", metadata={"format": "pt"})
        kinds = dict(attn_implementation="eager", experts_implementation="eager")
        expected = AutoModelForCausalLM.from_pretrained(model, **kinds).eval()(**inputs, use_cache=False).logits
        base = load_base(case).eval()
        alone = base(**inputs, use_cache=False).logits
        peft = PeftModel.from_pretrained(base, folder).eval()(**inputs, use_cache=False).logits
    write_tensors(folder / "golden.safetensors", {"logits": expected})
    off, moved = (peft - expected).abs().max().item(), (expected - alone).abs().max().item()
    if moved < 0.1:
        raise AssertionError(f"{folder.name} moves the logits by {moved}")
    return f"{case.model} {case.name}: {len(adapter)} tensors, logits move by {moved:.2f}, peft 0.21 is off by {off:.1e}"


def write(out: Path) -> None:
    for seed, case in enumerate(CASES):
        print(write_case(case, out, seed), flush=True)
