"""The checkpoints: saved by transformers, checked for their tensor names, and spelled in other ways."""

import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

COMMON_NAMES = [
    r"model\.embed_tokens\.weight",
    r"model\.norm\.weight",
    r"lm_head\.weight",
    r"model\.layers\.\d+\.(input|post_attention)_layernorm\.weight",
    r"model\.layers\.\d+\.self_attn\.[qkvo]_proj\.(weight|bias)",
]
HEAD_NAMES = [r"score\.(weight|bias)", r"qa_outputs\.(weight|bias)"]
# What may stand on disk, besides COMMON_NAMES.
NAMES = {
    "mixtral": [
        r"model\.layers\.\d+\.block_sparse_moe\.gate\.weight",
        r"model\.layers\.\d+\.block_sparse_moe\.experts\.\d+\.w[123]\.weight",
    ],
    "qwen3-moe": [
        r"model\.layers\.\d+\.self_attn\.[qk]_norm\.weight",
        r"model\.layers\.\d+\.mlp\.gate\.weight",
        r"model\.layers\.\d+\.mlp\.(experts\.\d+\.)?(gate|up|down)_proj\.weight",
    ],
    "afmoe": [
        r"model\.layers\.\d+\.self_attn\.(q_norm|k_norm|gate_proj)\.weight",
        r"model\.layers\.\d+\.(pre|post)_mlp_layernorm\.weight",
        r"model\.layers\.\d+\.mlp\.router\.gate\.weight",
        r"model\.layers\.\d+\.mlp\.expert_bias",
        r"model\.layers\.\d+\.mlp\.(experts\.\d+\.|shared_experts\.)?(gate|up|down)_proj\.weight",
    ],
    "olmoe": [
        r"model\.layers\.\d+\.self_attn\.[qk]_norm\.weight",
        r"model\.layers\.\d+\.mlp\.gate\.weight",
        r"model\.layers\.\d+\.mlp\.experts\.\d+\.(gate|up|down)_proj\.weight",
    ],
    "qwen2-moe": [
        r"model\.layers\.\d+\.mlp\.(gate|shared_expert_gate)\.weight",
        r"model\.layers\.\d+\.mlp\.(experts\.\d+\.|shared_expert\.)?(gate|up|down)_proj\.weight",
    ],
    "deepseek-v3": [
        r"model\.layers\.\d+\.self_attn\.(q_a_proj|kv_a_proj_with_mqa)\.(weight|bias)",
        r"model\.layers\.\d+\.self_attn\.(q_b_proj|kv_b_proj|q_a_layernorm|kv_a_layernorm)\.weight",
        r"model\.layers\.\d+\.mlp\.gate\.(weight|e_score_correction_bias)",
        r"model\.layers\.\d+\.mlp\.(experts\.\d+\.|shared_experts\.)?(gate|up|down)_proj\.weight",
    ],
    # As transformers writes it without quantisation; the released files have the experts in MXFP4.
    "gpt-oss": [
        r"model\.layers\.\d+\.self_attn\.sinks",
        r"model\.layers\.\d+\.mlp\.router\.(weight|bias)",
        r"model\.layers\.\d+\.mlp\.experts\.(gate_up|down)_proj(_bias)?",
    ],
    "qwen3-next": [
        r"model\.layers\.\d+\.self_attn\.[qk]_norm\.weight",
        r"model\.layers\.\d+\.linear_attn\.(A_log|dt_bias)",
        r"model\.layers\.\d+\.linear_attn\.(conv1d|in_proj_qkvz|in_proj_ba|norm|out_proj)\.weight",
        r"model\.layers\.\d+\.mlp\.(gate|shared_expert_gate)\.weight",
        r"model\.layers\.\d+\.mlp\.(experts\.\d+\.|shared_expert\.)?(gate|up|down)_proj\.weight",
    ],
}


def check_names(family: str, folder: Path, prefix: str = "model") -> None:
    """
    Every tensor on disk has one of the released checkpoints' names; a tied head is not stored.

    `prefix` is what the names begin with that begin with `model` in a causal language model.
    """
    if family not in NAMES:
        return
    pattern = re.compile("|".join(COMMON_NAMES + NAMES[family] + HEAD_NAMES))
    for name in load_file(folder / "model.safetensors"):
        if not pattern.fullmatch(re.sub(rf"^{prefix}\.", "model.", name)):
            raise AssertionError(f"{family}: {name} is not a name of the released checkpoints")


def add_tensors(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Tensors that the model has no use for, as the released files of some families have them."""
    if not shapes:
        return
    generator = torch.Generator().manual_seed(0)
    path = folder / "model.safetensors"
    extra = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    save_file({**load_file(path), **extra}, path, metadata={"format": "pt"})


def write_fused(model, source: Path, target: Path) -> None:
    """The checkpoint in the names that the model has in the reference's memory, the experts of a layer as one tensor."""
    target.mkdir(parents=True)
    shutil.copy(source / "config.json", target)
    tied = set(model._tied_weights_keys) if model.config.tie_word_embeddings else set()
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in tied}
    save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    _check_reload(model, target)


def write_sharded(model, target: Path) -> None:
    """The checkpoint in several files with an index."""
    model.save_pretrained(target, max_shard_size="40KB")
    if len(list(target.glob("model-*.safetensors"))) < 2:
        raise AssertionError(f"{target} has one shard only")
    _check_reload(model, target)


def _check_reload(model, folder: Path) -> None:
    again = type(model).from_pretrained(folder, dtype=torch.float32).state_dict()
    for name, tensor in model.state_dict().items():
        if not torch.equal(again[name], tensor):
            raise AssertionError(f"{folder}: {name} is not what was written")
