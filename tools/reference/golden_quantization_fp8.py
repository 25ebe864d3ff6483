"""FP8 with a scale per tile: DeepSeek-V3, Qwen3, GLM. Decoded by transformers' own Fp8Dequantize, and by the formula where tiles at
the ends are smaller, which transformers refuses."""

import torch
from transformers.integrations.finegrained_fp8 import Fp8Dequantize


def cases():
    yield _case("tiles", (24, 32), (8, 16), torch.float32)
    yield _case("bf16-scales", (24, 32), (8, 16), torch.bfloat16)
    yield _case("ue8m0", (24, 32), (8, 16), torch.float8_e8m0fnu)
    yield _case("u8-exponents", (24, 32), (8, 16), torch.uint8)
    yield _case("ragged", (27, 37), (8, 16), torch.float32)
    yield _case("stack", (3, 24, 32), (8, 16), torch.float32)
    yield _case("e5m2", (24, 32), (8, 16), torch.float32, torch.float8_e5m2)
    yield _case("one-scale", (24, 32), None, torch.float32)
    yield _case("scale-of-deepseek-v4", (24, 32), (8, 16), torch.float8_e8m0fnu, scale_name="layer.scale")
    yield _fp4_experts()
    yield _rows()
    yield _per_tensor()


def _fp4_experts():
    """Experts of DeepSeek-V4: two FP4 values in a byte, and a scale for 32 of them."""
    generator = torch.Generator().manual_seed(4)
    weight = torch.randint(-128, 128, (12, 32), generator=generator, dtype=torch.int8)
    scale = torch.randint(115, 130, (12, 2), generator=generator).to(torch.uint8).view(torch.float8_e8m0fnu)
    expected = Fp8Dequantize(None)._dequantize_one(weight, scale, torch.float32)
    config = {"activation_scheme": "dynamic", "fmt": "e4m3", "scale_fmt": "ue8m0", "weight_block_size": [8, 16], "expert_dtype": "fp4"}
    tensors = {"experts.0.w1.weight": weight, "experts.0.w1.scale": scale}
    return "fp4-experts", config, tensors, {"experts.0.w1.weight": expected}


def _rows():
    """A scale per row, as FBGEMM writes them, beside scales of activations."""
    generator = torch.Generator().manual_seed(5)
    weight = (torch.randn(12, 32, generator=generator) * 60).to(torch.float8_e4m3fn)
    scale = torch.rand(12, 1, generator=generator) * 0.01
    expected = Fp8Dequantize(None)._dequantize_one(weight, scale, torch.float32)
    tensors = {"layer.weight": weight, "layer.weight_scale": scale, "layer.input_scale": torch.tensor(0.5), "layer.activation_scale": torch.tensor(0.5)}
    return "rows", {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]}, tensors, {"layer.weight": expected}


def _per_tensor():
    generator = torch.Generator().manual_seed(6)
    weight = (torch.randn(12, 32, generator=generator) * 60).to(torch.float8_e4m3fn)
    scale = torch.tensor([0.0123])
    expected = Fp8Dequantize(None)._dequantize_one(weight, scale.reshape(1, 1), torch.float32)
    config = {"weight_per_tensor": True, "act_per_tensor": True, "weight_block_size": None, "ignored_layers": ["lm_head"]}
    tensors = {"layer.weight": weight, "layer.qscale_weight": scale, "layer.qscale_act": torch.tensor(0.5)}
    return "per-tensor", config, tensors, {"layer.weight": expected}


def _case(name, shape, tile, scale_dtype, dtype=torch.float8_e4m3fn, scale_name=None):
    generator = torch.Generator().manual_seed(len(name))
    rows, columns = tile or shape
    grid = (*shape[:-2], -(-shape[-2] // rows), -(-shape[-1] // columns)) if tile else ()
    weight = (torch.randn(shape, generator=generator) * 60).to(dtype)
    exponents = torch.randint(110, 130, grid, generator=generator)
    if scale_dtype == torch.uint8:
        scale = exponents.to(torch.uint8)
    elif scale_dtype == torch.float8_e8m0fnu:
        scale = exponents.to(torch.uint8).view(torch.float8_e8m0fnu)
    else:
        scale = (torch.rand(grid, generator=generator) * 0.01 + 1e-4).to(scale_dtype)
    suffix = "" if len(shape) == 3 else ".weight"
    expected = _decoded(weight, scale, rows, columns)
    config = {"activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": list(tile) if tile else None}
    return name, config, {f"layer{suffix}": weight, scale_name or f"layer{suffix}_scale_inv": scale}, {f"layer{suffix}": expected}


def _decoded(weight, scale, rows, columns):
    if weight.shape[-2] % rows == 0 and weight.shape[-1] % columns == 0:
        if scale.dim() == 0:
            scale = scale.reshape(1, 1)
        return Fp8Dequantize(None)._dequantize_one(weight, scale, torch.float32)
    spread = scale.float().repeat_interleave(rows, -2).repeat_interleave(columns, -1)
    return weight.float() * spread[..., : weight.shape[-2], : weight.shape[-1]]
