"""GPTQ, packed and decoded by GPTQModel's own linear layer; version 1 by its own conversion.

The expected weights are decoded with scales in float32, of which GPTQModel's float16 result is the rounding.
"""

import torch
from gptqmodel.nn_modules.qlinear.torch import TorchLinear
from gptqmodel.quantization.config import QuantizeConfig
from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module


def cases():
    for bits in [2, 3, 4, 8]:
        yield _case(f"w{bits}", bits)
        yield _case(f"w{bits}-v2", bits, version=2)
    yield _case("desc-act", 4, desc_act=True)
    yield _case("channel", 4, group_size=-1)
    yield _case("bf16-scales", 4, scale_dtype=torch.bfloat16)
    yield _case("zeros-of-zero", 4, lowest_zero=0)
    yield _dynamic()


def _case(name, bits, version=1, **options):
    config = {
        "bits": bits,
        "group_size": options.get("group_size", 32),
        "desc_act": options.get("desc_act", False),
        "sym": False,
        "checkpoint_format": "gptq" if version == 1 else "gptq_v2",
        "pack_dtype": "int32",
    }
    tensors, expected = _linear(name, bits, version, **options)
    return name, config, {f"layer.{key}": value for key, value in tensors.items()}, {"layer.weight": expected}


def _dynamic():
    tensors, expected = {}, {}
    for module, bits, group_size in [("layers.0.up", 4, 32), ("layers.1.up", 8, 32), ("layers.2.up", 2, 64)]:
        part, weight = _linear(module, bits, 1, group_size=group_size)
        tensors |= {f"{module}.{key}": value for key, value in part.items()}
        expected[f"{module}.weight"] = weight
    config = {
        "bits": 4,
        "group_size": 32,
        "desc_act": False,
        "sym": False,
        "checkpoint_format": "gptq",
        "dynamic": {r".*\.1\..*": {"bits": 8}, r"+:layers\.[23]\.": {"bits": 2, "group_size": 64}, r"-:lm_head": {}},
    }
    return "dynamic", config, tensors, expected


def _linear(name, bits, version, group_size=32, desc_act=False, scale_dtype=torch.float16, lowest_zero=1):
    rows, columns = 32, 96 if group_size == 32 else 128
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    size = columns if group_size == -1 else group_size
    groups = columns // size
    scales = (torch.rand(rows, groups, generator=generator) * 0.05 + 0.01).to(torch.float16)
    zeros = torch.randint(lowest_zero, 2**bits, (rows, groups), generator=generator)
    index = torch.arange(columns) // size
    if desc_act:
        index = index[torch.randperm(columns, generator=generator)]
    index = index.to(torch.int32)
    codes = torch.randint(0, 2**bits, (rows, columns), generator=generator)
    linear = torch.nn.Linear(columns, rows, bias=False, dtype=torch.float32)
    linear.weight.data = (codes - zeros[:, index]) * scales.float()[:, index]
    layer = TorchLinear(
        bits=bits, group_size=group_size, sym=False, desc_act=desc_act, in_features=columns, out_features=rows, bias=False, register_buffers=True
    )
    layer.pack_original(linear=linear, scales=scales.float(), zeros=zeros.float(), g_idx=index)
    layer.scales = layer.scales.to(scale_dtype)
    stored_scales = layer.scales
    layer.scales = stored_scales.float()
    layer.optimize = lambda *_, **__: None
    layer.post_init()
    layer.qzero_format(format=2)
    expected = layer.dequantize_weight().T.float()
    if version == 1:
        convert_gptq_v2_to_v1_format_module(layer, QuantizeConfig(bits=bits, group_size=group_size))
    tensors = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": stored_scales, "g_idx": layer.g_idx}
    return {key: value.detach().clone() for key, value in tensors.items()}, expected.detach().clone()
