"""MXFP4 of GPT-OSS, decoded by transformers' own function: `[experts, in, out]`."""

import torch
from transformers.integrations.mxfp4 import convert_moe_packed_tensors


def cases():
    generator = torch.Generator().manual_seed(4)
    tensors, expected = {}, {}
    for name, shape in {"gate_up_proj": (3, 12, 2, 16), "down_proj": (3, 32, 1, 16)}.items():
        blocks = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        scales = torch.randint(110, 130, shape[:-1], generator=generator, dtype=torch.uint8)
        tensors |= {f"experts.{name}_blocks": blocks, f"experts.{name}_scales": scales}
        expected[f"experts.{name}"] = convert_moe_packed_tensors(blocks.clone(), scales.clone(), dtype=torch.float32)
    yield "experts", {"modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}, tensors, expected
