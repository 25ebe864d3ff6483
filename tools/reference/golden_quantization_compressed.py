"""compressed-tensors, packed and decoded by its own compressors, in float32."""

import torch
from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
from compressed_tensors.compressors.mxfp6.base import MXFP6PackedCompressor
from compressed_tensors.compressors.mxfp8.base import MXFP8QuantizationCompressor
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward_helpers import _dequantize
from compressed_tensors.quantization.lifecycle.forward import dequantize

ROWS = 20


def cases():
    for bits in [2, 3, 4, 5, 6, 7, 8]:
        yield one(f"w{bits}", "pack-quantized", packed(num_bits=bits, strategy="group", group_size=16))
    for bits in [3, 4, 8]:
        yield one(f"w{bits}-asymmetric", "pack-quantized", packed(num_bits=bits, strategy="group", group_size=16, symmetric=False))
    yield one("w4-channel", "pack-quantized", packed(num_bits=4, strategy="channel"))
    yield one("w4-channel-61-columns", "pack-quantized", packed(num_bits=4, strategy="channel", columns=61))
    yield one("w4-tensor", "pack-quantized", packed(num_bits=4, strategy="tensor"))
    yield one("w8-channel-asymmetric", "pack-quantized", packed(num_bits=8, strategy="channel", symmetric=False))
    yield one("w4-group-128", "pack-quantized", packed(num_bits=4, strategy="group", group_size=128, columns=256))
    yield one("w4-actorder", "pack-quantized", reordered())
    for name in ["int-quantized", "naive-quantized"]:
        yield one(f"{name}-channel", name, naive(type="int", strategy="channel"))
    yield one("int-quantized-tensor", "int-quantized", naive(type="int", strategy="tensor"))
    yield one("int-quantized-group-asymmetric", "int-quantized", naive(type="int", strategy="group", group_size=16, symmetric=False))
    for strategy in ["channel", "tensor"]:
        yield one(f"float-quantized-{strategy}", "float-quantized", naive(type="float", strategy=strategy))
    yield one("float-quantized-block", "float-quantized", naive(type="float", strategy="block", block_structure=[8, 24]))
    yield one("mxfp8", "mxfp8-quantized", mx(MXFP8QuantizationCompressor, 8))
    yield one("mxfp4", "mxfp4-pack-quantized", mx(MXFP4PackedCompressor, 4))
    yield one("mxfp6", "mxfp6-pack-quantized", mx(MXFP6PackedCompressor, 6))
    yield one("nvfp4", "nvfp4-pack-quantized", nvfp4())
    yield mixed()


def one(name, format, module):
    args, tensors, expected = module
    config = {
        "format": format,
        "ignore": ["lm_head", "re:.*mlp.gate$"],
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": args.model_dump(mode="json")}},
    }
    return name, config, {f"layer.{key}": value for key, value in tensors.items()}, {"layer.weight": expected}


def mixed():
    """A format per group. A path goes before a regular expression, and that before a class."""
    modules = {
        "layers.0.self_attn.q_proj": ("int-quantized", ["re:.*self_attn.*"], naive(type="int", strategy="channel")),
        "layers.0.mlp.up_proj": ("pack-quantized", ["Linear"], packed(num_bits=4, strategy="group", group_size=16)),
        "layers.0.self_attn.o_proj": ("float-quantized", ["layers.0.self_attn.o_proj"], naive(type="float", strategy="channel")),
    }
    groups, tensors, expected = {}, {}, {}
    for i, (name, (format, targets, (args, part, weight))) in enumerate(modules.items()):
        groups[f"group_{i}"] = {"targets": targets, "format": format, "weights": args.model_dump(mode="json")}
        tensors |= {f"{name}.{key}": value for key, value in part.items()}
        expected[f"{name}.weight"] = weight
    return "mixed-precision", {"format": "mixed-precision", "ignore": [], "config_groups": groups}, tensors, expected


def packed(columns=64, **options):
    args, generator = QuantizationArgs(**options), seeded(options)
    half = 2 ** (args.num_bits - 1)
    scale, zero = grid_of(args, columns, generator)
    codes = torch.randint(-half, half, (ROWS, columns), generator=generator)
    weight = spread(codes, scale.float(), zero, columns)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = {"weight": weight, "weight_scale": scale.float()}
    if not args.symmetric:
        state["weight_zero_point"] = zero
    compressed = PackedQuantizationCompressor.compress(dict(state), scheme)
    expected = PackedQuantizationCompressor.decompress(dict(compressed), scheme)["weight"].float()
    return args, {**compressed, "weight_scale": scale}, expected


def reordered():
    """Columns in any order of groups, as `actorder: group` wrote them until version 0.14. The library no longer reads
    `weight_g_idx`, so its formula of a column is applied to each column with the scale of its group."""
    args, tensors, _ = packed(num_bits=4, strategy="group", group_size=16)
    index = torch.arange(64)[torch.randperm(64, generator=torch.Generator().manual_seed(1))] // 16
    shifts = torch.arange(0, 32, 4)
    codes = ((tensors["weight_packed"].unsqueeze(-1) >> shifts) & 15).reshape(ROWS, 64) - 8
    expected = _dequantize(codes, tensors["weight_scale"].float()[:, index])
    return args, {**tensors, "weight_g_idx": index.to(torch.int32)}, expected


def naive(columns=64, **options):
    args, generator = QuantizationArgs(num_bits=8, **options), seeded(options)
    scale, zero = grid_of(args, columns, generator)
    weight = torch.randn(ROWS, columns, generator=generator)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = {"weight": weight, "weight_scale": scale.float()}
    if not args.symmetric:
        state["weight_zero_point"] = zero
    compressed = NaiveQuantizationCompressor.compress(dict(state), scheme)
    if args.strategy == "block":
        rows, tile_columns = args.block_structure
        wide = scale.float().repeat_interleave(rows, 0).repeat_interleave(tile_columns, 1)[:ROWS, :columns]
        expected = _dequantize(compressed["weight"], wide)
    else:
        expected = NaiveQuantizationCompressor.decompress(dict(compressed), scheme)["weight"].float()
    return args, {**compressed, "weight_scale": scale}, expected


def mx(compressor, bits):
    args = QuantizationArgs(num_bits=bits, type="float", strategy="group", group_size=32, scale_dtype=torch.uint8)
    generator = torch.Generator().manual_seed(bits)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    scale = 2.0 ** torch.randint(-8, -3, (ROWS, 2), generator=generator)
    weight = torch.randn(ROWS, 64, generator=generator) * 0.05
    compressed = compressor.compress({"weight": weight, "weight_scale": scale}, scheme)
    expected = compressor.decompress(dict(compressed), scheme)["weight"].float()
    return args, compressed, expected


def nvfp4():
    args = QuantizationArgs(num_bits=4, type="float", strategy="tensor_group", group_size=16, scale_dtype=torch.float8_e4m3fn)
    generator = torch.Generator().manual_seed(4)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    common = torch.tensor([37.5])
    scale = (torch.rand(ROWS, 4, generator=generator) * 4 + 0.5).to(torch.float8_e4m3fn).float()
    weight = torch.randn(ROWS, 64, generator=generator) * 0.3
    compressed = NVFP4PackedCompressor.compress({"weight": weight, "weight_scale": scale, "weight_global_scale": common}, scheme)
    values = unpack_fp4_from_uint8(compressed["weight_packed"], ROWS, 64).float()
    expected = dequantize(values, compressed["weight_scale"].float(), args=args, global_scale=common, dtype=torch.float32)
    return args, {**compressed, "weight_global_scale": common}, expected


def seeded(options):
    return torch.Generator().manual_seed(sum(map(ord, str(sorted(options.items())))))


def grid_of(args, columns, generator):
    """Scales in bfloat16 and zero points, of the shape that the strategy has."""
    if args.strategy == "block":
        shape = (-(-ROWS // args.block_structure[0]), -(-columns // args.block_structure[1]))
    else:
        shape = {"tensor": (1,), "channel": (ROWS, 1), "group": (ROWS, columns // (args.group_size or columns))}[args.strategy]
    scale = (torch.rand(shape, generator=generator) * 0.05 + 0.01).to(torch.bfloat16)
    half = 2 ** (args.num_bits - 1)
    zero = torch.zeros(shape, dtype=torch.int8)
    if not args.symmetric:
        zero = torch.randint(-half, half, shape, generator=generator).to(torch.int8)
    return scale, zero


def spread(codes, scale, zero, columns):
    if scale.dim() == 1:
        return (codes - zero) * scale
    width = columns // scale.shape[1]
    return (codes - zero.repeat_interleave(width, 1)) * scale.repeat_interleave(width, 1)
