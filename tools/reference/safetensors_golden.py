"""Makes the safetensors fixtures: files by the official library, and conversions by torch.

    python tools/reference/safetensors_golden.py

Needs torch 2.13.0, safetensors 0.8.0, huggingface_hub and ml_dtypes. Writes into packages/safetensors/test/__fixtures__:

every-dtype.safetensors   a tensor [2, 3] of every dtype, a scalar, an empty tensor, awkward names, one metadata entry
every-dtype.json          the values of those tensors
sharded/                  a checkpoint of three shards with its index
conversions.safetensors   `values` (float32) and what torch makes of them in F16, BF16, F8_E4M3 and F8_E5M2; every code of
                          the F8 formats as float32; float64 and integers of 64 and 32 bits beside what they are as float32; the
                          codes of F4 and F6, packed by ml_dtypes, beside what they are; and in the metadata the SHA-256 of every F16 code as float32, NaNs as zero
"""

import hashlib
import json
import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / "packages" / "safetensors" / "test" / "__fixtures__"

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E8M0": torch.float8_e8m0fnu,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
POWERS = torch.tensor([[1.0, 2.0, 0.25], [1024.0, 0.015625, 4.0]])
SMALL_FLOATS = ["F16", "BF16", "F8_E4M3", "F8_E5M2"]


PACKED = [
    ("F4", ml_dtypes.float4_e2m1fn, 4),
    ("F6_E2M3", ml_dtypes.float6_e2m3fn, 6),
    ("F6_E3M2", ml_dtypes.float6_e3m2fn, 6),
]


def every_dtype():
    floats = torch.tensor([[0.0, -1.5, 0.25], [448.0, -0.015625, 3.0]])
    signed = torch.tensor([[0, -1, 127], [-128, 5, 42]])
    tensors, values = {}, {}
    for name, dtype in DTYPES.items():
        base = floats if dtype.is_floating_point else signed if dtype.is_signed else signed.abs()
        base = POWERS if dtype == torch.float8_e8m0fnu else base.clamp(-224, 224) if "FNUZ" in name else base
        tensors[name] = (base > 0 if dtype == torch.bool else base).to(dtype)
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 4, dtype=torch.float16)
    # U+FFFF comes before an emoji in UTF-8, and after it in UTF-16.
    for name in ["", "10", "9", "__proto__", "größe", "\uffff", "😀", 'a "quoted"\\\n\u0001\u007f/name']:
        tensors[name] = torch.full((1,), float(len(name)))
    for name, tensor in tensors.items():
        values[name] = {"shape": list(tensor.shape), "values": tensor.to(torch.float64).flatten().tolist()}
    save_file(tensors, OUT / "every-dtype.safetensors", metadata={"format": "pt"})
    (OUT / "every-dtype.json").write_text(json.dumps(values, indent=1) + "\n")


def sharded():
    folder = OUT / "sharded"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    generator = torch.Generator().manual_seed(7)
    tensors = {f"layers.{i}.{part}.weight": torch.randn(4, 8, generator=generator) for i in range(3) for part in "qkv"}
    save_torch_state_dict(tensors, folder, max_shard_size=3 * 4 * 8 * 4)


def interesting_floats():
    """Every sign and exponent, with mantissas on, just below and just above the ties of each small format."""
    bits = set()
    for exponent in range(256):
        for kept in [2, 3, 7, 10]:
            half = 1 << (22 - kept)
            for mantissa in [0, half, 2 * half, 3 * half, 0x7FFFFF, 0x7FFFFF - half]:
                for delta in [-1, 0, 1]:
                    bits.add(exponent << 23 | max(0, min(0x7FFFFF, mantissa + delta)))
    random = np.random.default_rng(11)
    bits |= set((random.standard_normal(1000).astype(np.float32).view(np.uint32) & 0x7FFFFFFF).tolist())
    signed = np.array(sorted(bits), dtype=np.uint32)
    return torch.from_numpy(np.concatenate([signed, signed | 0x80000000]).view(np.float32).copy())


def conversions():
    values = interesting_floats()
    tensors = {"values": values, **{name: values.to(DTYPES[name]) for name in SMALL_FLOATS}}
    codes = torch.arange(256, dtype=torch.uint8)
    for name in ["F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"]:
        tensors[f"{name} codes as F32"] = codes.view(DTYPES[name]).to(torch.float32)
    random = np.random.default_rng(13)
    ties = [s * ((1 << e) + (1 << (e - 24)) + d) for e in range(25, 63) for d in [-1, 0, 1] for s in [-1, 1]]
    # Half way between two float32 values as far as float64 can tell, and a little above it in fact.
    twice = [s * ((1 << e) + (1 << (e - 24)) + 1) for e in range(54, 63) for s in [-1, 1]]
    ends = [0, 2**63 - 1, -(2**63), 2**53 - 1, 2**53 + 1, -(2**53) - 1]
    ints = ties + twice + ends + random.integers(-(2**63), 2**63 - 1, 500).tolist()
    tensors["I64"] = torch.tensor(ints, dtype=torch.int64)
    tensors["I32"] = torch.tensor(random.integers(-(2**31), 2**31 - 1, 500).tolist() + [2**31 - 1, -(2**31), 2**24 + 1])
    tensors["I32"] = tensors["I32"].to(torch.int32)
    doubles = random.standard_normal(500) * 10.0 ** random.integers(-50, 50, 500)
    tensors["F64"] = torch.from_numpy(np.append(doubles, [np.inf, -np.inf, 1e308, 1 + 2**-24, 1 + 2**-24 + 2**-50, 1e-45]))
    for name in ["I64", "I32", "F64"]:
        tensors[f"{name} as F32"] = tensors[name].to(torch.float32)
    wide = ints[:50] + [2**63 - 1, 2**53 + 1]
    tensors["U64"] = torch.tensor([abs(n) for n in wide] + [2**64 - 1, 2**63 + 2**39 + 1], dtype=torch.uint64)
    tensors["U64 as F32"] = torch.from_numpy(tensors["U64"].numpy().astype(np.float32))
    tensors["U32"] = torch.tensor([0, 2**32 - 1, 2**24 + 1, 2**31 + 129, 7], dtype=torch.uint32)
    tensors["U32 as F32"] = torch.from_numpy(tensors["U32"].numpy().astype(np.float32))
    half = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(torch.float16).to(torch.float32)
    digest = hashlib.sha256(torch.where(half.isnan(), 0.0, half).numpy().tobytes()).hexdigest()
    for name, dtype, bits in PACKED:
        codes = np.arange(2**bits, dtype=np.uint8)
        stream = sum(int(code) << (bits * i) for i, code in enumerate(codes))
        tensors[f"{name} codes"] = torch.frombuffer(bytearray(stream.to_bytes(len(codes) * bits // 8, "little")), dtype=torch.uint8)
        tensors[f"{name} codes as F32"] = torch.from_numpy(codes.view(dtype).astype(np.float32))
    save_file(tensors, OUT / "conversions.safetensors", metadata={"sha256 of F16 codes as F32": digest})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    every_dtype()
    sharded()
    conversions()


if __name__ == "__main__":
    main()
