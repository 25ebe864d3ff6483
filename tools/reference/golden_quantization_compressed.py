"""compressed-tensors, packed and decoded by its own compressors."""

import torch
from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme


def cases():
    for bits in [2, 3, 4, 5, 6, 7, 8]:
        yield _case(f"w{bits}", num_bits=bits, strategy="group", group_size=16)
    for bits in [3, 4, 8]:
        yield _case(f"w{bits}-asymmetric", num_bits=bits, strategy="group", group_size=16, symmetric=False)
    yield _case("w4-channel", num_bits=4, strategy="channel")
    yield _case("w8-channel-asymmetric", num_bits=8, strategy="channel", symmetric=False)
    yield _case("w4-group-128", num_bits=4, strategy="group", group_size=128, columns=256)


def _case(name, columns=64, rows=20, **args):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    args = QuantizationArgs(**args)
    groups = columns // args.group_size if args.group_size else 1
    half = 2 ** (args.num_bits - 1)
    scale = (torch.rand(rows, groups, generator=generator) * 0.05 + 0.01).to(torch.bfloat16)
    zero = torch.zeros(rows, groups, dtype=torch.int8)
    if not args.symmetric:
        zero = torch.randint(-half, half, (rows, groups), generator=generator).to(torch.int8)
    codes = torch.randint(-half, half, (rows, columns), generator=generator)
    weight = (codes - zero.repeat_interleave(columns // groups, 1)) * scale.float().repeat_interleave(columns // groups, 1)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = {"weight": weight, "weight_scale": scale.float()}
    if not args.symmetric:
        state["weight_zero_point"] = zero
    packed = PackedQuantizationCompressor.compress(dict(state), scheme)
    expected = PackedQuantizationCompressor.decompress(dict(packed), scheme)["weight"].float()
    packed["weight_scale"] = scale
    config = {
        "format": "pack-quantized",
        "ignore": ["lm_head", "re:.*mlp.gate$"],
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": args.model_dump(mode="json")}},
    }
    return name, config, {f"layer.{key}": value for key, value in packed.items()}, {"layer.weight": expected}
