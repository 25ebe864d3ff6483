"""MLX, packed and decoded by its own functions on the CPU, with scales and biases in float32 at decoding."""

import mlx.core as mx
import numpy as np
import torch

ROWS = 12


def cases():
    for bits in [2, 3, 4, 5, 6, 8]:
        yield _one(f"w{bits}", {"group_size": 32, "bits": bits})
    yield _one("group-64", {"group_size": 64, "bits": 4})
    yield _one("stack", {"group_size": 32, "bits": 4}, experts=3)
    for mode, bits, group_size in [("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)]:
        yield _one(mode, {"group_size": group_size, "bits": bits, "mode": mode})
    yield _global_scale()
    config = {"group_size": 64, "bits": 4, "layers.0.gate": {"group_size": 32, "bits": 8}, "layers.0.norm": False}
    gate, gate_expected = _tensors("gate", {"group_size": 32, "bits": 8, "mode": "affine"}, None)
    up, up_expected = _tensors("up", {"group_size": 64, "bits": 4, "mode": "affine"}, None)
    tensors = {f"layers.0.gate.{key}": value for key, value in gate.items()} | {f"layers.0.up.{key}": value for key, value in up.items()}
    yield "overrides", config, tensors, {"layers.0.gate.weight": gate_expected, "layers.0.up.weight": up_expected}


def _one(name, config, experts=None):
    tensors, expected = _tensors(name, {"mode": "affine", **config}, experts)
    return name, config, {f"layer.{key}": value for key, value in tensors.items()}, {"layer.weight": expected}


def _global_scale():
    """As the experts of mlx-lm's `QuantizedSwitchLinear`."""
    values = mx.array(np.random.default_rng(16).normal(size=(3, ROWS, 64)).astype(np.float32))
    settings = {"group_size": 16, "bits": 4, "mode": "nvfp4"}
    common = mx.max(mx.abs(values), axis=(-2, -1))
    parts = [mx.quantize(values[e], global_scale=common[e], **settings) for e in range(3)]
    expected = [mx.dequantize(*part, global_scale=common[e], **settings) for e, part in enumerate(parts)]
    stacked = {"weight": mx.stack([q for q, _ in parts]), "scales": mx.stack([s for _, s in parts]), "global_scale": common}
    tensors = {f"layer.{key}": torch.from_numpy(np.array(value)) for key, value in stacked.items()}
    return "nvfp4-global-scale", settings, tensors, {"layer.weight": torch.from_numpy(np.array(mx.stack(expected)))}


def _tensors(name, settings, experts):
    shape = (ROWS, 128) if experts is None else (experts, ROWS, 128)
    values = np.random.default_rng(sum(map(ord, name))).normal(size=shape).astype(np.float32) * 0.1
    dtype = mx.bfloat16 if settings["mode"] == "affine" else mx.float32
    weight, *others = mx.quantize(mx.array(values).astype(dtype), **settings)
    wide = [other.astype(mx.float32) if settings["mode"] == "affine" else other for other in others]
    expected = mx.dequantize(weight, *wide, **settings).astype(mx.float32)
    tensors = {"weight": torch.from_numpy(np.array(weight))}
    for key, other in zip(["scales", "biases"], others):
        tensors[key] = torch.from_numpy(np.array(other.astype(mx.float32))).bfloat16() if settings["mode"] == "affine" else torch.from_numpy(np.array(other))
    return tensors, torch.from_numpy(np.array(expected))
