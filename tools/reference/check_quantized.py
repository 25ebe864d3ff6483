"""Checks that compressed-tensors and transformers read what `sample-generate quantize` writes.

    npm run build && python tools/reference/check_quantized.py

Needs requirements-quantization.txt, the `gguf` package, and Node on the path. Models: tiny ones of three families with random weights, and
the sample model, whose head is tied. For each recipe

- compressed-tensors unpacks every matrix to the values that Mixtape decodes, bit by bit,
- transformers finds no tensor missing or unexpected, and computes in float32 (eager) the logits of Mixtape on `cpu` and `native`, within 1e-4.
  It decodes experts in the dtype of their scales, those of FP8 in bfloat16; for this comparison, in float32. The difference without is shown.

At the end, the squared error on normal deviates beside that of Q4_0 and Q8_0 of the gguf package.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
from safetensors.torch import load_file, save_file
from transformers import AfmoeConfig, AutoModelForCausalLM, MixtralConfig, Qwen3MoeConfig
from transformers.integrations import compressed_tensors as integration
from transformers.integrations.compressed_tensors import DecompressExperts

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "apps" / "sample-generate" / "bin" / "sample-generate.js"
IDS = [[(i * i * 7 + i * 13 + 5) % 97 for i in range(12)]]
EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}
RECIPES = {
    "int4": [],
    "int8": ["--weights", "int8"],
    "int4, groups of 16": ["--group-size", "16"],
    "fp8": ["--weights", "fp8"],
    "int8, channel": ["--weights", "int8", "--group-size", "channel"],
    "in shards, attention of layer 1 as it is": ["--keep", "layers.1.self_attn", "--max-shard-size", "30KB"],
}
# For models with a tokenizer.
CALIBRATED = {"int4, calibrated": ["--calibration", ROOT / "docs" / "checkpoints.md", "--calibration-tokens", "2048"]}
SIZES = {"vocab_size": 97, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4}
CONFIGS = {
    "mixtral": MixtralConfig(**SIZES, num_key_value_heads=2, num_local_experts=4),
    "qwen3-moe": Qwen3MoeConfig(**SIZES, num_key_value_heads=2, head_dim=32, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=32),
    "afmoe": AfmoeConfig(**SIZES, num_key_value_heads=2, head_dim=32, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=32, num_dense_layers=1),
}

# Decodes the matrices of a checkpoint, and computes logits on each engine.
NODE = """
import { readFileSync } from "node:fs";
import { loadModel, useEngine } from "%(root)s/packages/mixtape/dist/index.js";
import { quantizedSource } from "%(root)s/packages/quantization/dist/index.js";
import { openCheckpoint, writeSafetensors } from "%(root)s/packages/safetensors/dist/index.js";
const [folder, decoded, ids] = process.argv.slice(1);
const json = JSON.parse(readFileSync(`${folder}/config.json`, "utf8")).quantization_config;
const source = await quantizedSource(await openCheckpoint(folder), { json, where: "config.json" });
const views = source.names.map((name) => source.tensor(name)).filter((view) => view.quantized);
await writeSafetensors(decoded, views.map((view) => ({ name: view.name, dtype: "F32", shape: view.shape, bytes: () => view.read() })));
await source.close();
const logits = {};
for (const engine of ["cpu", "native"]) {
  await useEngine(engine, engine === "native" ? { precision: "float32" } : {});
  const model = await loadModel(folder);
  logits[engine] = await model.forward({ inputIds: JSON.parse(ids) }).logits.array();
  model.dispose();
}
console.log(JSON.stringify(logits));
"""


def quantize(model, output, flags):
    command = ["node", COMMAND, "quantize", "--model", model, "--output", output, "--json", *flags]
    return json.loads(subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout)


def ours(folder, decoded):
    """Matrices as Mixtape decodes them, and its logits by engine."""
    code = NODE % {"root": ROOT.as_posix()}
    command = ["node", "--input-type=module", "-e", code, folder, decoded, json.dumps(IDS)]
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    return load_file(decoded), {engine: torch.tensor(rows) for engine, rows in json.loads(ended.stdout).items()}


def tensors_of(folder):
    return {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}


def check_matrices(folder, decoded):
    tensors = tensors_of(folder)
    modules = [name.removesuffix(".weight_scale") for name in tensors if name.endswith(".weight_scale")]
    assert {f"{module}.weight" for module in modules} == decoded.keys(), folder
    for module in modules:
        scale = tensors[f"{module}.weight_scale"].float()
        if f"{module}.weight" in tensors:
            assert tensors[f"{module}.weight"].dtype == torch.float8_e4m3fn, module
            assert torch.equal(tensors[f"{module}.weight"].float() * scale, decoded[f"{module}.weight"]), f"{folder}: {module}"
            continue
        packed = tensors[f"{module}.weight_packed"]
        shape = torch.Size(tensors[f"{module}.weight_shape"].tolist())
        codes = unpack_from_int32(packed, 32 * packed.shape[1] // shape[1], shape)
        values = codes.float() * scale.repeat_interleave(shape[1] // scale.shape[1], dim=1)
        assert torch.equal(values, decoded[f"{module}.weight"]), f"{folder}: {module}"
    return len(modules)


def logits(folder, *, wide):
    """Logits of transformers. @param wide whether scales of experts are widened to float32 before they are decoded"""
    plain, library = DecompressExperts.convert, integration.torch

    class Wide:
        """torch, in which experts of FP8 are not decoded to bfloat16."""

        bfloat16 = torch.float32

        def __getattr__(self, name):
            return getattr(torch, name)

    def widened(self, inputs, *args, **kwargs):
        for key in inputs:
            if "weight_scale" in key:
                inputs[key] = [scale.float() for scale in inputs[key]]
        return plain(self, inputs, *args, **kwargs)

    DecompressExperts.convert = widened if wide else plain
    integration.torch = Wide() if wide else library
    try:
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **EAGER)
    finally:
        DecompressExperts.convert, integration.torch = plain, library
    wrong = {key: value for key, value in info.items() if value}
    assert not wrong, f"{folder}: {wrong}"
    with torch.no_grad():
        return torch.nn.Module.float(model).eval()(torch.tensor(IDS)).logits


def check(model, output, flags):
    quantize(model, output, flags)
    decoded, mine = ours(output, output.with_suffix(".safetensors"))
    count = check_matrices(output, decoded)
    expected = logits(output, wide=True)
    worst = max((own - expected).abs().max().item() for own in mine.values())
    assert worst <= 1e-4, f"{output}: logits differ by {worst}"
    rounding = (logits(output, wide=False) - expected).abs().max().item()
    return f"{count} matrices, logits within {worst:.1e} (by the rounding of experts in transformers {rounding:.1e})"


def check_error(out):
    values = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0))
    save_file({"values": values}, out / "values.safetensors")
    code = """
import { quantizingView } from "%(root)s/packages/quantization/dist/index.js";
import { openSafetensors, writeSafetensors } from "%(root)s/packages/safetensors/dist/index.js";
const [from, to, bits] = process.argv.slice(1);
const view = quantizingView((await openSafetensors(from)).tensor("values"), { type: "int", bits: Number(bits), groupSize: 32 });
await writeSafetensors(to, [{ name: "values", dtype: "F32", shape: view.shape, bytes: () => view.read() }]);
""" % {"root": ROOT.as_posix()}
    for bits, kind in ((4, "Q4_0"), (8, "Q8_0")):
        files = [str(out / name) for name in ("values.safetensors", f"int{bits}.safetensors")]
        subprocess.run(["node", "--input-type=module", "-e", code, *files, str(bits)], check=True)
        error = (load_file(files[1])["values"] - values).square().mean().item()
        type_ = gguf.GGMLQuantizationType[kind]
        theirs = gguf.quants.dequantize(gguf.quants.quantize(values.numpy(), type_), type_)
        other = np.square(theirs - values.numpy()).mean().item()
        print(f"squared error on normal deviates, groups of 32: int{bits} {error:.4e}, {kind} {other:.4e} ({error / other - 1:+.1%})")
        assert error < other, kind


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        models = {"sample-afmoe": ROOT / "models" / "sample-afmoe"}
        for family, config in CONFIGS.items():
            torch.manual_seed(0)
            config.initializer_range = 0.2
            models[family] = out / family
            model = AutoModelForCausalLM.from_config(config)
            for name, parameter in model.named_parameters():
                if name.endswith("router.gate.weight"):
                    torch.nn.init.normal_(parameter, std=0.2)  # zeros in AFMoE: all experts would tie
            model.save_pretrained(models[family])
        for family, model in models.items():
            recipes = RECIPES | (CALIBRATED if (model / "tokenizer.json").exists() else {})
            for i, (recipe, flags) in enumerate(recipes.items()):
                print(f"{family}: {recipe}: {check(model, out / f'{family}-{i}', flags)}", flush=True)
        check_error(out)


if __name__ == "__main__":
    main()
