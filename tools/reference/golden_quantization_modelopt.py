"""ModelOpt, which runs on GPUs alone: its tensors, converted by compressed-tensors' own converter and decoded by its compressor.

Global scales are powers of two, since the converter stores their reciprocals.
"""

import torch
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.entrypoints.convert.converters.modelopt_nvfp4 import ModelOptNvfp4Converter
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize

IGNORE = ["lm_head", "*mlp.gate*", "model.layers.0.self_attn*"]


def cases():
    hub = {"producer": {"name": "modelopt", "version": "0.39.0"}}
    yield _nvfp4("nvfp4", {"quant_algo": "NVFP4", "ignore": IGNORE, **hub})
    side = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16, "exclude_modules": IGNORE}
    yield _nvfp4("nvfp4-side-file", {"quantization": side, **hub})
    yield _fp8("fp8", {"quant_algo": "FP8", "ignore": ["lm_head"], **hub})


def _nvfp4(name, config, rows=20, columns=64):
    generator = torch.Generator().manual_seed(len(name))
    tensors = {
        "weight": torch.randint(0, 256, (rows, columns // 2), generator=generator, dtype=torch.uint8),
        "weight_scale": (torch.rand(rows, columns // 16, generator=generator) * 400).to(torch.float8_e4m3fn),
        "weight_scale_2": torch.tensor(2.0**-9),
        "input_scale": torch.tensor(0.25),
    }
    # A pattern for mlp.gate must not exclude mlp.gate_proj.
    module = "model.layers.1.mlp.gate_proj"
    tensors = {f"{module}.{key}": value for key, value in tensors.items()}
    converter = ModelOptNvfp4Converter(targets=["re:.*"], ignore=[])
    converted = converter.process(dict(tensors))
    values = unpack_fp4_from_uint8(converted[f"{module}.weight_packed"], rows, columns).float()
    args = QuantizationArgs(num_bits=4, type="float", strategy="tensor_group", group_size=16)
    common = converted[f"{module}.weight_global_scale"]
    expected = dequantize(values, converted[f"{module}.weight_scale"].float(), args=args, global_scale=common, dtype=torch.float32)
    return name, config, tensors, {f"{module}.weight": expected}


def _fp8(name, config):
    generator = torch.Generator().manual_seed(8)
    weight = (torch.randn(20, 32, generator=generator) * 60).to(torch.float8_e4m3fn)
    scale = torch.tensor(0.013)
    tensors = {"layer.weight": weight, "layer.weight_scale": scale, "layer.input_scale": torch.tensor(0.5)}
    return name, config, tensors, {"layer.weight": weight.float() * scale}
