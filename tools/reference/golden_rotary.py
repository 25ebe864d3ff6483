"""rotary.json: queries and keys as transformers rotates them: halves, pairs, part of a head."""

import copy
from pathlib import Path

import torch
from transformers import DeepseekV3Config, GptOssConfig, MixtralConfig, Qwen3NextConfig
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as deepseek
from transformers.models.gpt_oss import modeling_gpt_oss as gpt_oss
from transformers.models.mixtral import modeling_mixtral as mixtral
from transformers.models.qwen3_next import modeling_qwen3_next as qwen3_next

from golden_base import DEFAULT_ROPE, LLAMA3, YARN, YARN_MSCALE
from golden_io import numbers, write_json

# Equal ones leave cosine and sine unscaled.
EQUAL = {**YARN_MSCALE, "mscale_all_dim": 1.0}
POSITIONS = [[0, 1, 5, 100], [7, 3, 3, 0]]
HALVES = (mixtral.MixtralRotaryEmbedding, MixtralConfig, mixtral.apply_rotary_pos_emb)
PAIRS = (deepseek.DeepseekV3RotaryEmbedding, DeepseekV3Config, deepseek.apply_rotary_pos_emb_interleave)
PART = (qwen3_next.Qwen3NextRotaryEmbedding, Qwen3NextConfig, qwen3_next.apply_rotary_pos_emb)
GPT_OSS = (gpt_oss.GptOssRotaryEmbedding, GptOssConfig, gpt_oss.apply_rotary_pos_emb)


def part(factor: float, rope: dict) -> dict:
    return dict(head_dim=16, max_position_embeddings=256, rope_parameters={**rope, "partial_rotary_factor": factor})


def pairs(rope: dict) -> dict:
    return dict(qk_rope_head_dim=8, max_position_embeddings=256, rope_parameters=rope)


def whole(rope: dict) -> dict:
    return dict(head_dim=12, max_position_embeddings=256, rope_parameters=rope)


# name, form, the classes, the keys of a config file, the width of a head
SETS = [
    ("halves", "halves", HALVES, whole(DEFAULT_ROPE), 12),
    ("halves-yarn-mscale", "halves", HALVES, whole(YARN_MSCALE), 12),
    ("halves-gpt-oss", "halves", GPT_OSS, whole({**YARN, "truncate": False}), 12),
    ("pairs", "pairs", PAIRS, pairs(DEFAULT_ROPE), 8),
    ("pairs-yarn", "pairs", PAIRS, pairs(YARN), 8),
    ("pairs-yarn-mscale-equal", "pairs", PAIRS, pairs(EQUAL), 8),
    ("pairs-yarn-mscale-unlike", "pairs", PAIRS, pairs(YARN_MSCALE), 8),
    ("part-quarter", "halves", PART, part(0.25, DEFAULT_ROPE), 16),
    ("part-half-yarn", "halves", PART, part(0.5, YARN), 16),
    ("part-half-llama3", "halves", PART, part(0.5, LLAMA3), 16),
    ("part-whole", "halves", PART, part(1.0, DEFAULT_ROPE), 16),
]


def write(out: Path) -> None:
    rows = {}
    for name, form, (rotary_class, config_class, rotate), keys, width in SETS:
        config = config_class(**copy.deepcopy(keys))
        rotary = rotary_class(config)
        generator = torch.Generator().manual_seed(len(rows))
        query = torch.randn((2, 2, 4, width), generator=generator)
        key = torch.randn((2, 1, 4, width), generator=generator)
        cosine, sine = rotary(query, torch.tensor(POSITIONS))
        rotated = rotate(query, key, cosine, sine)
        rows[name] = {
            "form": form,
            "config": keys,
            "positions": POSITIONS,
            "inv_freq": numbers(rotary.inv_freq),
            "attention_scaling": float(rotary.attention_scaling),
            **_latent_scale(config),
            "query": numbers(query),
            "key": numbers(key),
            # Of pairs, first all the first of each, and then all the second.
            "rotatedQuery": numbers(rotated[0]),
            "rotatedKey": numbers(rotated[1]),
        }
    write_json(out / "rotary.json", rows, indent=None)


def _latent_scale(config) -> dict:
    """How much DeepSeek-V3 scales its scores besides by the width of a head."""
    if config.model_type != "deepseek_v3":
        return {}
    return {"score_scaling": float(deepseek.yarn_apply_mscale(config.rope_parameters, 1.0))}
