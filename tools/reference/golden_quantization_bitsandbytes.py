"""bitsandbytes, packed, saved and decoded by its own functions on the CPU."""

import bitsandbytes.functional as bnb
import torch


def cases():
    for kind in ["nf4", "fp4"]:
        for double in [False, True]:
            yield _four_bits(kind, double)
    yield _four_bits("nf4", True, dtype=torch.bfloat16, storage=torch.bfloat16)
    yield _eight_bits()


def _four_bits(kind, double, dtype=torch.float32, storage=torch.uint8):
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(48, 64, generator=generator) * 0.1
    packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=double, quant_storage=storage)
    # The table has one zero; the library's kernel for FP4 computes a negative one besides.
    expected = bnb.dequantize_4bit(packed, state).float() + 0.0
    state.dtype = dtype
    tensors = {"layer.weight": packed} | {f"layer.weight.{key}": value for key, value in state.as_dict(packed=True).items()}
    config = {
        "load_in_4bit": True,
        "load_in_8bit": False,
        "bnb_4bit_quant_type": kind,
        "bnb_4bit_use_double_quant": double,
        "bnb_4bit_compute_dtype": "bfloat16",
        "llm_int8_skip_modules": ["lm_head"],
    }
    name = f"{kind}{'-double' if double else ''}{'' if storage == torch.uint8 else '-stored-as-bf16'}"
    return name, config, tensors, {"layer.weight": expected}


def _eight_bits():
    generator = torch.Generator().manual_seed(8)
    weight = (torch.randn(12, 64, generator=generator) * 0.1).half()
    codes, scales, _ = bnb.int8_vectorwise_quant(weight)
    expected = bnb.int8_vectorwise_dequant(codes, scales)
    tensors = {"layer.weight": codes, "layer.SCB": scales, "layer.weight_format": torch.tensor(0, dtype=torch.uint8)}
    return "int8", {"load_in_4bit": False, "load_in_8bit": True, "llm_int8_threshold": 6.0}, tensors, {"layer.weight": expected.float()}
