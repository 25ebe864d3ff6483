"""Quantisers of golden_quantized_models.py: rounding to nearest, packed and decoded by the format's library.

Each returns the files of the checkpoint, and the weights that the library decodes, in float32, by their plain names.
"""

import json
import re
from pathlib import Path

import torch

EXPERTS = r"\.experts\.\d+\.\w+\.weight$"
ATTENTION = r"\.self_attn\.[qkvo]_proj\.weight$"
DENSE = r"\.mlp\.(shared_experts\.)?(gate|up|down)_proj\.weight$"
LINEAR = f"{EXPERTS}|{ATTENTION}|{DENSE}"
ROUTER = "re:.*mlp.gate$"


def by_weight(pattern, one, settings):
    """Quantises each weight that matches: `one(module, weight)` returns its tensors by suffix, and the decoded weight."""

    def quantize(config, tensors, _):
        stored, decoded = {}, {}
        for name, value in tensors.items():
            if not re.search(pattern, name):
                stored[name] = value
                continue
            module = name.removesuffix(".weight")
            parts, decoded[name] = one(module, value.float())
            stored |= {f"{module}.{suffix}": part for suffix, part in parts.items()}
        files = {"model.safetensors": stored, "config.json": config}
        return settings(files), {key: value.float() for key, value in decoded.items()}

    return quantize


def in_config(**quantization):
    def settings(files):
        return {**files, "config.json": {**files["config.json"], "quantization_config": quantization}}

    return settings


def in_side_file(file, quantization):
    return lambda files: {**files, file: quantization}


def asymmetric(weight, group, bits=4):
    """Scales in float16 and zero points of groups along rows, `[rows, groups]`."""
    grouped = weight.reshape(weight.shape[0], -1, group)
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).half()
    return scale, torch.round(-low / scale.float()).clamp(0, 2**bits - 1)


# --- GPTQ ---------------------------------------------------------------------------------------------------------------


def gptq(version, desc_act=False):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.quantization.config import QuantizeConfig
    from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module

    def one(module, weight):
        rows, columns = weight.shape
        bits = 8 if "self_attn" in module else 4
        scale, zero = asymmetric(weight, 32, bits)
        index = torch.arange(columns, dtype=torch.int32) // 32
        if desc_act:
            order = torch.randperm(columns, generator=torch.Generator().manual_seed(columns))
            scale, zero = asymmetric(weight[:, order], 32, bits)
            index[order] = torch.arange(columns, dtype=torch.int32) // 32
        linear = torch.nn.Linear(columns, rows, bias=False)
        linear.weight.data = weight
        options = dict(group_size=32, sym=False, desc_act=desc_act, in_features=columns, out_features=rows, bias=False)
        layer = TorchLinear(bits=bits, register_buffers=True, **options)
        layer.pack_original(linear=linear, scales=scale.float(), zeros=zero, g_idx=index)
        stored, layer.scales = layer.scales, layer.scales.float()
        layer.optimize = lambda *_, **__: None
        layer.post_init()
        layer.qzero_format(format=2)
        decoded = layer.dequantize_weight().T.clone()
        if version == 1:
            convert_gptq_v2_to_v1_format_module(layer, QuantizeConfig(bits=bits, group_size=32))
        parts = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": stored, "g_idx": layer.g_idx}
        return {key: value.detach().clone() for key, value in parts.items()}, decoded

    return one


GPTQ = {"bits": 4, "group_size": 32, "sym": False, "lm_head": False, "dynamic": {r"+:.*self_attn.*": {"bits": 8}}, "pack_dtype": "int32"}


def gptq_v1(*args):
    config = {"quant_method": "gptq", "desc_act": True, "checkpoint_format": "gptq", **GPTQ}
    return by_weight(LINEAR, gptq(1, desc_act=True), in_config(**config))(*args)


def gptq_v2_side_file(*args):
    config = {"desc_act": False, "checkpoint_format": "gptq_v2", **GPTQ}
    return by_weight(LINEAR, gptq(2), in_side_file("quantize_config.json", config))(*args)


# --- AWQ ----------------------------------------------------------------------------------------------------------------


def awq(*args):
    import golden_quantization_awq as library

    def one(_, weight):
        rows, columns = weight.shape
        scale, zero = asymmetric(weight, 32)
        linear = torch.nn.Linear(columns, rows, bias=False)
        linear.weight.data = weight
        layer = library.WQLinear_GEMM.from_linear(linear, 4, 32, scales=scale.float().T.contiguous(), zeros=zero.T.contiguous())
        decoded = library.dequantize_gemm(layer.qweight, layer.qzeros, layer.scales.float(), 4, 32).T
        return {key: getattr(layer, key) for key in ["qweight", "qzeros", "scales"]}, decoded

    config = dict(quant_method="awq", bits=4, group_size=32, zero_point=True, version="gemm", modules_to_not_convert=["gate"])
    return by_weight(LINEAR, one, in_config(**config))(*args)


# --- compressed-tensors -------------------------------------------------------------------------------------------------


def compressed(*args):
    """Experts in packed integers, attention in int8, and one expert left as it is in each layer."""
    from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
    from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    four = QuantizationArgs(num_bits=4, strategy="group", group_size=32, symmetric=True)
    eight = QuantizationArgs(num_bits=8, strategy="channel", symmetric=True)

    def one(module, weight):
        kind, compressor = (eight, NaiveQuantizationCompressor) if "self_attn" in module else (four, PackedQuantizationCompressor)
        group = kind.group_size or weight.shape[1]
        largest = weight.reshape(weight.shape[0], -1, group).abs().amax(-1)
        scale = (largest / (2 ** (kind.num_bits - 1) - 1)).bfloat16()
        scheme = QuantizationScheme(targets=["Linear"], weights=kind)
        packed = compressor.compress({"weight": weight, "weight_scale": scale.float()}, scheme)
        decoded = compressor.decompress(dict(packed), scheme)["weight"]
        return {**packed, "weight_scale": scale}, decoded

    groups = {
        "group_0": {"targets": ["Linear"], "format": "pack-quantized", "weights": four.model_dump(mode="json")},
        "group_1": {"targets": ["re:.*self_attn.*"], "format": "int-quantized", "weights": eight.model_dump(mode="json")},
    }
    ignore = ["lm_head", ROUTER, "re:.*experts.3.*"]
    config = dict(quant_method="compressed-tensors", format="mixed-precision", ignore=ignore, config_groups=groups)
    pattern = rf"\.experts\.[012]\.\w+\.weight$|{ATTENTION}"
    return by_weight(pattern, one, in_config(**config))(*args)


def nvfp4_parts(weight):
    from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.lifecycle.forward import dequantize

    args = QuantizationArgs(num_bits=4, type="float", strategy="tensor_group", group_size=16, scale_dtype=torch.float8_e4m3fn)
    # A power of two, of which ModelOpt stores the reciprocal.
    common = 2.0 ** torch.floor(torch.log2(2688 / weight.abs().max())).reshape(1)
    scale = (weight.reshape(weight.shape[0], -1, 16).abs().amax(-1) / 6 * common).to(torch.float8_e4m3fn).float()
    state = {"weight": weight, "weight_scale": scale, "weight_global_scale": common}
    packed = NVFP4PackedCompressor.compress(state, QuantizationScheme(targets=["Linear"], weights=args))
    values = unpack_fp4_from_uint8(packed["weight_packed"], *weight.shape).float()
    decoded = dequantize(values, scale, args=args, global_scale=common, dtype=torch.float32)
    return args, packed | {"weight_global_scale": common}, decoded


def nvfp4(*args):
    settings = nvfp4_parts(torch.ones(16, 16))[0].model_dump(mode="json")
    groups = {"group_0": {"targets": ["Linear"], "weights": settings}}
    config = dict(quant_method="compressed-tensors", format="nvfp4-pack-quantized", ignore=["lm_head", ROUTER], config_groups=groups)
    return by_weight(LINEAR, lambda _, weight: nvfp4_parts(weight)[1:], in_config(**config))(*args)


def modelopt(*args):
    def one(_, weight):
        _, parts, decoded = nvfp4_parts(weight)
        common = 1 / parts["weight_global_scale"].reshape(())
        named = {"weight": parts["weight_packed"], "weight_scale": parts["weight_scale"], "weight_scale_2": common}
        return {**named, "input_scale": torch.tensor(0.5)}, decoded

    excluded = ["lm_head", "*mlp.gate*", "*mlp.router*", "model.layers.*.self_attn*"]
    settings = {"quant_algo": "NVFP4", "kv_cache_quant_algo": None, "group_size": 16, "exclude_modules": excluded}
    file = {"producer": {"name": "modelopt", "version": "0.39.0"}, "quantization": settings}
    return by_weight(f"{EXPERTS}|{DENSE}", one, in_side_file("hf_quant_config.json", file))(*args)


# --- FP8, MXFP4, bitsandbytes -------------------------------------------------------------------------------------------


def fp8(*args):
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize

    def one(_, weight):
        rows, columns = weight.shape
        tiles = weight.reshape(rows // 32, 32, columns // 32, 32)
        scale = tiles.abs().amax((1, 3)) / 448
        codes = (tiles / scale[:, None, :, None]).reshape(rows, columns).to(torch.float8_e4m3fn)
        return {"weight": codes, "weight_scale_inv": scale}, Fp8Dequantize(None)._dequantize_one(codes, scale, torch.float32)

    config = dict(quant_method="fp8", activation_scheme="dynamic", fmt="e4m3", weight_block_size=[32, 32])
    excluded = ["lm_head", "model.layers.0.mlp.gate", "model.layers.1.mlp.gate"]
    return by_weight(LINEAR, one, in_config(**config, modules_to_not_convert=excluded))(*args)


def mxfp4(config, tensors, _):
    from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(num_bits=4, type="float", strategy="group", group_size=32, scale_dtype=torch.uint8)
    )
    stored, decoded = {}, {}
    for name, value in tensors.items():
        if not re.search(r"experts\.(gate_up|down)_proj$", name):
            stored[name] = value
            continue
        matrices = value.float().transpose(1, 2).contiguous()  # [experts, out, in]
        experts, rows, columns = matrices.shape
        flat = matrices.reshape(experts * rows, columns)
        scale = 2.0 ** torch.floor(torch.log2(flat.reshape(len(flat), -1, 32).abs().amax(-1) / 4))
        packed = MXFP4PackedCompressor.compress({"weight": flat, "weight_scale": scale}, scheme)
        blocks = packed["weight_packed"].reshape(experts, rows, columns // 32, 16)
        scales = packed["weight_scale"].reshape(experts, rows, columns // 32)
        stored |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        decoded[name] = convert_moe_packed_tensors(blocks.clone(), scales.clone(), dtype=torch.float32)
    excluded = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    quantization = {"quant_method": "mxfp4", "modules_to_not_convert": excluded}
    return {"model.safetensors": stored, "config.json": {**config, "quantization_config": quantization}}, decoded


def nf4(*args):
    import bitsandbytes.functional as bnb

    def one(_, weight):
        packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
        decoded = bnb.dequantize_4bit(packed, state)
        state.dtype = torch.bfloat16
        return {"weight": packed} | {f"weight.{key}": value for key, value in state.as_dict(packed=True).items()}, decoded

    config = dict(quant_method="bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    return by_weight(LINEAR, one, in_config(**config, llm_int8_skip_modules=["lm_head"]))(*args)


def int8(*args):
    import bitsandbytes.functional as bnb

    def one(_, weight):
        codes, scales, _ = bnb.int8_vectorwise_quant(weight.half())
        return {"weight": codes, "SCB": scales, "weight_format": torch.tensor(0, dtype=torch.uint8)}, bnb.int8_vectorwise_dequant(codes, scales)

    return by_weight(LINEAR, one, in_config(quant_method="bitsandbytes", load_in_8bit=True))(*args)


# --- MLX ----------------------------------------------------------------------------------------------------------------


def mlx(mode):
    """mlx-lm's own loading, stacking, quantising and saving of the checkpoint that transformers saved."""

    def quantize(config, tensors, folder):
        import mlx.core as mx
        from mlx_lm.utils import load_model, quantize_model, save_config, save_model

        # mlx-lm reads the keys that transformers 4 wrote.
        older = {"rope_theta": config["rope_parameters"]["rope_theta"], "num_experts": 4, "torch_dtype": "bfloat16"}
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **older}))
        model, mlx_config = load_model(folder, lazy=False)
        group_size, bits = {"affine": (32, 4), "mxfp4": (32, 4)}[mode]
        model, mlx_config = quantize_model(model, mlx_config, group_size, bits, mode=mode)
        out = Path(folder) / "mlx"
        save_model(out, model)
        save_config(mlx_config, out / "config.json")
        stored = mx.load(str(out / "model.safetensors"))
        settings = json.loads((out / "config.json").read_text())
        decoded = {}
        for name, value in stored.items():
            module = name.removesuffix(".scales")
            if name.endswith((".scales", ".biases")):
                continue
            if f"{module.removesuffix('.weight')}.scales" in stored:
                module = module.removesuffix(".weight")
                own = settings["quantization"].get(module)
                own = own if isinstance(own, dict) else settings["quantization"]
                parts = [stored[f"{module}.scales"].astype(mx.float32) if own.get("mode", "affine") == "affine" else stored[f"{module}.scales"]]
                if f"{module}.biases" in stored:
                    parts.append(stored[f"{module}.biases"].astype(mx.float32))
                options = {"group_size": own["group_size"], "bits": own["bits"], "mode": own.get("mode", "affine")}
                value = mx.dequantize(value, *parts, **options)
            decoded |= plain(name, torch.from_numpy(numpy(value)), config["model_type"])
        missing = tensors.keys() ^ decoded.keys()
        assert not missing, missing
        saved = {name: as_torch(value) for name, value in stored.items()}
        return {"model.safetensors": saved, "config.json": settings}, decoded

    return quantize


def mlx_gpt_oss(config, tensors, folder):
    """mlx-lm's own conversion of a checkpoint in MXFP4, which keeps the codes."""
    from mlx_lm.utils import load_model, save_config, save_model
    import mlx.core as mx
    from safetensors.torch import save_file

    files, decoded = mxfp4(config, tensors, folder)
    save_file({key: value.contiguous() for key, value in files["model.safetensors"].items()}, folder / "model.safetensors", {"format": "pt"})
    older = {"rope_theta": config["rope_parameters"]["rope_theta"], "rope_scaling": config["rope_parameters"], "torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps({**files["config.json"], **older}))
    model, mlx_config = load_model(folder, lazy=False)
    save_model(folder / "mlx", model)
    save_config(mlx_config, folder / "mlx" / "config.json")
    stored = mx.load(str(folder / "mlx" / "model.safetensors"))
    settings = json.loads((folder / "mlx" / "config.json").read_text())
    return {"model.safetensors": {name: as_torch(value) for name, value in stored.items()}, "config.json": settings}, decoded


def numpy(value):
    import mlx.core as mx
    import numpy as np

    return np.array(value.astype(mx.float32))


def as_torch(value):
    import mlx.core as mx
    import numpy as np

    if value.dtype == mx.bfloat16:
        return torch.from_numpy(numpy(value)).bfloat16()
    return torch.from_numpy(np.array(value))


def plain(name, value, model_type):
    """Undoes the stacking of mlx-lm's `sanitize`."""
    found = re.match(r"(.*\.)(?:switch_mlp|experts)\.(gate|up|down)_proj\.weight$", name)
    if not found or value.dim() != 3:
        return {name: value}
    part = {"gate": "w1", "down": "w2", "up": "w3"}[found[2]] if model_type == "mixtral" else f"{found[2]}_proj"
    return {f"{found[1]}experts.{e}.{part}.weight": matrix.contiguous() for e, matrix in enumerate(value)}


MODELS = {
    "gptq": ("qwen3-moe", gptq_v1),
    "gptq-v2-side-file": ("mixtral", gptq_v2_side_file),
    "awq": ("qwen3-moe", awq),
    "mxfp4": ("gpt-oss", mxfp4),
    "nvfp4": ("qwen3-moe", nvfp4),
    "modelopt-nvfp4": ("afmoe", modelopt),
    "mlx-qwen3-moe": ("qwen3-moe", mlx("affine")),
    "mlx-mixtral": ("mixtral", mlx("affine")),
    "mlx-afmoe": ("afmoe", mlx("affine")),
    "mlx-mxfp4": ("qwen3-moe", mlx("mxfp4")),
    "mlx-gpt-oss": ("gpt-oss", mlx_gpt_oss),
    "bitsandbytes-nf4": ("qwen3-moe", nf4),
    "bitsandbytes-int8": ("mixtral", int8),
    "compressed-tensors": ("qwen3-moe", compressed),
    "fp8": ("qwen3-moe", fp8),
}
