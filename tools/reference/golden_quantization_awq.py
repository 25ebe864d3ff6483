"""AWQ in version GEMM, packed by AutoAWQ's own layer and decoded by its own function, with scales in float32."""

import importlib.machinery
import sys
import types

import torch

# The package itself imports classes of models, which need libraries that packing does not.
_found = importlib.machinery.PathFinder.find_spec("awq")
sys.modules["awq"] = types.ModuleType("awq")
sys.modules["awq"].__path__ = _found.submodule_search_locations
from awq.modules.linear.gemm import WQLinear_GEMM  # noqa: E402
from awq.utils.packing_utils import dequantize_gemm  # noqa: E402


def cases():
    yield _case("gemm", 32)
    yield _case("channel", -1)


def _case(name, group_size, rows=32, columns=96):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    size = columns if group_size == -1 else group_size
    groups = columns // size
    scales = (torch.rand(groups, rows, generator=generator) * 0.05 + 0.01).to(torch.float16)
    zeros = torch.randint(0, 16, (groups, rows), generator=generator)
    codes = torch.randint(0, 16, (columns, rows), generator=generator)
    index = torch.arange(columns) // size
    linear = torch.nn.Linear(columns, rows, bias=False, dtype=torch.float32)
    linear.weight.data = ((codes - zeros[index]) * scales.float()[index]).T.contiguous()
    layer = WQLinear_GEMM.from_linear(linear, 4, size, scales=scales.float(), zeros=zeros.float())
    expected = dequantize_gemm(layer.qweight, layer.qzeros, layer.scales.float(), 4, size).T
    config = {"bits": 4, "group_size": group_size, "zero_point": True, "version": "gemm", "modules_to_not_convert": ["gate"]}
    tensors = {f"layer.{key}": getattr(layer, key) for key in ["qweight", "qzeros", "scales"]}
    return name, config, tensors, {"layer.weight": expected.float()}
