"""AutoRound, packed by its own layers and decoded by multiplying the identity with them, with scales in float32."""

import importlib.machinery
import sys
import types

import torch

# The packages themselves import what quantising needs, and packing does not.
_found = importlib.machinery.PathFinder.find_spec("auto_round").submodule_search_locations[0]
for _name, _path in {"auto_round": _found, "auto_round.utils": f"{_found}/utils"}.items():
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].__path__ = [_path]
sys.modules["auto_round.utils"].get_packing_device = lambda device=None: torch.device("cpu")
from auto_round_extension.torch.qlinear_torch import QuantLinear  # noqa: E402
from auto_round_extension.torch.qlinear_torch_zp import QuantLinear as QuantLinearZp  # noqa: E402

LAYERS = {"auto_round": QuantLinear, "auto_round:auto_gptq": QuantLinearZp}


def cases():
    for name in LAYERS:
        for bits in [2, 3, 4, 8]:
            yield _case(f"{name.replace('_', '-').replace(':', '-')}-w{bits}", name, {"layer": bits})
    modules = {"layers.0.up": 4, "layers.1.up": 8}
    extra = {"layers.1.up": {"bits": 8}, r".*\.down$": {"bits": 16}}
    yield _case("extra-config", "auto_round:auto_gptq", modules, extra_config=extra)


def _case(name, packing_format, modules, **options):
    tensors, expected = {}, {}
    for module, bits in modules.items():
        parts, weight = _linear(packing_format, bits, sum(map(ord, name + module)))
        tensors |= {f"{module}.{key}": value for key, value in parts.items()}
        expected[f"{module}.weight"] = weight
    config = {"bits": 4 if len(modules) > 1 else modules["layer"], "group_size": 32, "sym": False, "data_type": "int", "packing_format": packing_format}
    return name, {**config, **options}, tensors, expected


def _linear(packing_format, bits, seed, rows=32, columns=96):
    generator = torch.Generator().manual_seed(seed)
    scales = (torch.rand(rows, columns // 32, generator=generator) * 0.05 + 0.01).half()
    zeros = torch.randint(1, 2**bits, scales.shape, generator=generator).float()
    codes = torch.randint(0, 2**bits, (rows, columns), generator=generator)
    linear = torch.nn.Linear(columns, rows, bias=False)
    linear.weight.data = (codes - zeros.repeat_interleave(32, 1)) * scales.float().repeat_interleave(32, 1)
    layer = LAYERS[packing_format](bits, 32, columns, rows, bias=False)
    layer.device = torch.device("cpu")
    layer.pack(linear, scales.float(), zeros, device="cpu")
    parts = {key: getattr(layer, key).clone() for key in ["qweight", "qzeros", "scales"]}
    layer.scales = parts["scales"].float()
    return parts, layer(torch.eye(columns)).T.float().detach()
