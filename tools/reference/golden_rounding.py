"""Rounding of one matrix by the libraries: GPTQ of llm-compressor, and FP8 of compressed-tensors.

    python tools/reference/golden_rounding.py

Needs requirements-quantization.txt. Writes packages/quantization/test/__fixtures__/rounding: gptq.safetensors has a weight, the Hessian of
correlated inputs, scales of groups, and the values that the weight is rounded to; fp8.safetensors a weight, and what is stored of it.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import torch
from compressed_tensors.compressors import FloatQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file

from golden_io import write_tensors

TARGET = Path(__file__).resolve().parents[2] / "packages/quantization/test/__fixtures__/rounding"
ROWS, COLUMNS, GROUP, TOKENS = 10, 64, 16, 500


def quantize_weight():
    """llm-compressor's function, without the data sets and trackers that its packages import."""
    root = importlib.util.find_spec("llmcompressor").submodule_search_locations[0]
    for name in ("llmcompressor", "llmcompressor.modifiers", "llmcompressor.modifiers.gptq"):
        module = ModuleType(name)
        module.__path__ = ["/".join([root, *name.split(".")[1:]])]
        sys.modules[name] = module
    from llmcompressor.modifiers.gptq.gptq_quantize import quantize_weight

    return quantize_weight


def gptq() -> None:
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(TOKENS, 12, generator=generator) @ torch.randn(12, COLUMNS, generator=generator)
    inputs += 0.7 * torch.randn(TOKENS, COLUMNS, generator=generator)
    hessian = inputs.T @ inputs
    weight = torch.randn(ROWS, COLUMNS, generator=generator)
    scale = (weight.reshape(ROWS, -1, GROUP).abs().amax(-1) / 7.5).bfloat16().float()
    args = QuantizationArgs(num_bits=4, type="int", symmetric=True, strategy="group", group_size=GROUP)
    quantized, _, fallback = quantize_weight()(
        weight[None].clone(), hessian[None].clone(), scale[None], torch.zeros_like(scale)[None], None, args, blocksize=GROUP * 2
    )
    assert not fallback.any()
    plain = (weight / scale.repeat_interleave(GROUP, 1)).round().clamp(-8, 7) * scale.repeat_interleave(GROUP, 1)

    def loss(values):
        error = values - weight
        return torch.einsum("ri,ij,rj->", error, hessian, error).item()

    print(f"squared error of outputs {loss(quantized[0]):.1f}, rounded value by value {loss(plain):.1f}")
    write_tensors(TARGET / "gptq.safetensors", {"weight": weight, "hessian": hessian, "scale": scale, "quantized": quantized[0]})


def fp8() -> None:
    weight = torch.randn(6, 40, generator=torch.Generator().manual_seed(6)) * torch.tensor([[1.0], [1e-3], [50.0], [0.0], [1e-30], [3e4]])
    args = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy="channel")
    scale, _ = calculate_qparams(weight.amin(1, keepdim=True), weight.amax(1, keepdim=True), args)
    scale = torch.where(weight.abs().amax(1, keepdim=True) == 0, 0, scale).bfloat16()
    state = {"weight": weight, "weight_scale": torch.where(scale == 0, 1, scale)}
    stored = FloatQuantizationCompressor.compress(state, QuantizationScheme(targets=["Linear"], weights=args))
    save_file({"weight": weight, "stored": stored["weight"], "scale": scale}, TARGET / "fp8.safetensors")


def main() -> None:
    gptq()
    fp8()


if __name__ == "__main__":
    main()
