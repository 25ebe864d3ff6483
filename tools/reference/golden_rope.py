"""rope.json: what transformers makes of RoPE parameters, from the keys of a config file to frequencies."""

import copy
from pathlib import Path

import torch
from transformers import MixtralConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.mixtral.modeling_mixtral import MixtralRotaryEmbedding

from golden_base import LLAMA3, YARN_MSCALE, longrope
from golden_io import numbers, write_json

SHORT = [1.0, 1.02, 1.05, 1.09, 1.14, 1.2, 1.27, 1.35]
LONG = [1.08, 1.25, 1.6, 2.4, 4.1, 8.3, 17.0, 32.5]
LLAMA31 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def config(head_dim: int, max_positions: int, **keys) -> dict:
    return {"head_dim": head_dim, "max_position_embeddings": max_positions, **keys}


# name, what it is, the keys of a config file (either spelling), the sequence lengths (null: at construction)
SETS = [
    ("default", "theta 10000", config(16, 2048, rope_theta=10000.0), [None]),
    ("default-qwen3", "Qwen3-30B-A3B", config(128, 40960, rope_theta=1000000.0, rope_scaling=None), [None]),
    ("default-absent", "no RoPE key at all: Mixtral's theta", config(8, 2048), [None]),
    (
        "default-inner-theta",
        "a theta inside wins over one at the top level",
        config(16, 2048, rope_theta=500.0, rope_parameters={"rope_type": "default", "rope_theta": 20000.0}),
        [None],
    ),
    (
        "linear-legacy",
        "rope_scaling with type",
        config(16, 8192, rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 4}),
        [None],
    ),
    (
        "linear-rope-scaling-wins",
        "rope_scaling replaces rope_parameters",
        config(
            16,
            8192,
            rope_scaling={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0},
            rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        ),
        [None],
    ),
    (
        "default-partial",
        "partial_rotary_factor: the three families ignore it with default RoPE",
        config(16, 2048, rope_theta=10000.0, partial_rotary_factor=0.5),
        [None],
    ),
    (
        "linear-partial",
        "partial_rotary_factor: half the frequencies, with which the three families cannot run",
        config(16, 2048, rope_theta=10000.0, partial_rotary_factor=0.5, rope_scaling={"type": "linear", "factor": 4.0}),
        [None],
    ),
    (
        "dynamic",
        "as in the LLaMA days: factor 2 over 2048",
        config(64, 2048, rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 2.0}),
        [None, 1, 2048, 2049, 3000, 8192],
    ),
    (
        "dynamic-small",
        "factor 3 over 12, as in the model cases",
        config(16, 12, rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 3.0}),
        [None, 12, 13, 20, 72],
    ),
    (
        "yarn-qwen3",
        "Qwen3's recommended YaRN: factor 4 over 32768",
        config(
            128,
            131072,
            rope_theta=1000000.0,
            rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
        ),
        [None],
    ),
    (
        "yarn-no-original",
        "without original_max_position_embeddings: max_position_embeddings",
        config(128, 32768, rope_theta=1000000.0, rope_scaling={"type": "yarn", "factor": 4.0}),
        [None],
    ),
    (
        "yarn-deepseek-v3",
        "mscale equal to mscale_all_dim: attention factor 1",
        config(
            64,
            163840,
            rope_theta=10000.0,
            rope_scaling={
                "type": "yarn",
                "factor": 40,
                "beta_fast": 32,
                "beta_slow": 1,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "original_max_position_embeddings": 4096,
            },
        ),
        [None],
    ),
    ("yarn-mscale", "as in the model cases", config(16, 256, rope_parameters=YARN_MSCALE), [None]),
    (
        "yarn-gpt-oss",
        "truncate false",
        config(
            64,
            131072,
            rope_theta=150000,
            rope_scaling={
                "rope_type": "yarn",
                "factor": 32.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
                "original_max_position_embeddings": 4096,
            },
        ),
        [None],
    ),
    (
        "yarn-null-factor",
        "factor null: max / original",
        config(
            32,
            8192,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": None,
                "original_max_position_embeddings": 1024,
            },
        ),
        [None],
    ),
    (
        "yarn-attention-factor",
        "a given attention factor wins",
        config(
            32,
            8192,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "attention_factor": 0.75,
                "original_max_position_embeddings": 1024,
            },
        ),
        [None],
    ),
    (
        "yarn-equal-bounds",
        "a correction range of no width",
        config(
            8,
            64,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 4,
            },
        ),
        [None],
    ),
    (
        "longrope-phi",
        "as Phi-3.5 writes it, with short lists: the original length at the top level",
        config(
            16,
            131072,
            rope_theta=10000.0,
            original_max_position_embeddings=4096,
            rope_scaling={"type": "longrope", "short_factor": SHORT, "long_factor": LONG},
        ),
        [None, 1, 4096, 4097, 131072],
    ),
    ("longrope-small", "as in the model cases", config(16, 128, rope_parameters=longrope(12)), [None, 12, 13]),
    (
        "longrope-factor",
        "a given factor",
        config(16, 128, rope_parameters={**longrope(64), "factor": 4.0}),
        [None, 65],
    ),
    (
        "longrope-attention-factor",
        "a given attention factor wins",
        config(16, 128, rope_parameters={**longrope(64), "attention_factor": 1.25}),
        [None, 65],
    ),
    (
        "llama3.1",
        "Llama 3.1",
        config(128, 131072, rope_theta=500000.0, rope_scaling={"rope_type": "llama3", **LLAMA31}),
        [None],
    ),
    (
        "llama3.2",
        "Llama 3.2: factor 32",
        config(64, 131072, rope_theta=500000.0, rope_scaling={"rope_type": "llama3", **LLAMA31, "factor": 32.0}),
        [None],
    ),
    ("llama3-small", "as in the model cases", config(16, 512, rope_parameters=LLAMA3), [None]),
    (
        "yarn-one-mscale",
        "mscale alone is not read",
        config(16, 256, rope_parameters={key: YARN_MSCALE[key] for key in YARN_MSCALE if key != "mscale_all_dim"}),
        [None],
    ),
    (
        "proportional",
        "as Gemma writes it: a quarter of the pairs rotates, at the wavelengths of a whole head",
        config(
            64,
            131072,
            rope_parameters={"rope_type": "proportional", "rope_theta": 1000000.0, "partial_rotary_factor": 0.25},
        ),
        [None],
    ),
    (
        "proportional-factor",
        "a factor divides the positions",
        config(
            24,
            4096,
            rope_theta=10000.0,
            rope_scaling={"type": "proportional", "factor": 8.0, "partial_rotary_factor": 0.7},
        ),
        [None],
    ),
    (
        "proportional-whole",
        "without a share every pair rotates",
        config(16, 4096, rope_parameters={"rope_type": "proportional", "rope_theta": 10000.0}),
        [None],
    ),
]


def write(out: Path) -> None:
    rows = {}
    for name, about, keys, lengths in SETS:
        parsed = MixtralConfig(**copy.deepcopy(keys))
        frequencies = []
        for length in lengths:
            inverse, scaling = _initialise(parsed, length)
            frequencies.append(
                {"seq_len": length, "inv_freq": numbers(inverse), "attention_scaling": float(scaling)}
            )
        # Read last: an original length at the top level moves inside on first use, not on construction.
        parameters = dict(parsed.rope_parameters)
        rows[name] = {"about": about, "config": keys, "rope_parameters": parameters, "frequencies": frequencies}
    write_json(out / "rope.json", rows, indent=None)


def _initialise(parsed, length: int | None) -> tuple[torch.Tensor, float]:
    rope_type = parsed.rope_parameters["rope_type"]
    if rope_type == "default":
        return MixtralRotaryEmbedding.compute_default_rope_parameters(parsed)
    # The length comes as an integer tensor, as it does from the model's position ids.
    seq_len = None if length is None else torch.tensor(length)
    return ROPE_INIT_FUNCTIONS[rope_type](parsed, seq_len=seq_len)
