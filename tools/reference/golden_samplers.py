"""samplers.json: what transformers' logits processors make of logits, alone and together."""

from pathlib import Path

import torch
from transformers import GenerationConfig, MixtralConfig, MixtralForCausalLM
from transformers.generation import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from golden_io import numbers, write_json

VOCAB = 50
# In the reference's order.
MAKERS = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor,
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}
CASES = {
    "repetition-penalty": {"repetition_penalty": 1.3},
    "repetition-reward": {"repetition_penalty": 0.8},
    "temperature-low": {"temperature": 0.15},
    "temperature-high": {"temperature": 1.7},
    "top-k": {"top_k": 5},
    "top-k-1": {"top_k": 1},
    "top-k-beyond-vocabulary": {"top_k": 1000},
    "top-p": {"top_p": 0.75},
    "top-p-tiny": {"top_p": 0.01},
    "top-p-wide": {"top_p": 0.98},
    "min-p": {"min_p": 0.06},
    "min-p-wide": {"min_p": 0.5},
    "temperature-top-k": {"temperature": 0.7, "top_k": 8},
    "top-k-top-p": {"top_k": 12, "top_p": 0.8},
    "trinity": {"temperature": 0.15, "top_k": 50, "top_p": 0.75, "min_p": 0.06},
    "qwen3": {"temperature": 0.6, "top_k": 20, "top_p": 0.95},
    "all": {"repetition_penalty": 1.2, "temperature": 1.4, "top_k": 20, "top_p": 0.9, "min_p": 0.02},
}


def write(out: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = 1.5 * torch.randn((3, VOCAB), generator=generator)
    if any(len(set(row.tolist())) != VOCAB for row in logits):
        raise AssertionError("two logits of a row are equal")
    # Repeated ids are penalised once.
    ids = torch.randint(0, VOCAB, (3, 9), generator=generator)
    ids[:, 5:] = ids[:, :4]
    tied = logits[:1].clone()
    fifth = tied.topk(5).indices[0, 4]
    tied[0, (fifth + 1) % VOCAB] = tied[0, fifth]
    rows = {"input_ids": ids.tolist(), "logits": numbers(logits), "tied_logits": numbers(tied)}
    cases = [
        {"name": name, "settings": settings, "logits": "logits", "scores": numbers(_run(settings, ids, logits))}
        for name, settings in CASES.items()
    ]
    kept = _run({"top_k": 5}, ids[:1], tied)
    cases.append({"name": "top-k-tied", "settings": {"top_k": 5}, "logits": "tied_logits", "scores": numbers(kept)})
    if kept.isfinite().sum() != 6:
        raise AssertionError("a tie at the k-th place was broken")
    write_json(out / "samplers.json", {**rows, "cases": cases}, indent=None)


def _run(settings: dict, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    processors = LogitsProcessorList([MAKERS[name](settings[name]) for name in MAKERS if name in settings])
    _check_order(settings, processors)
    scores = logits.clone()
    for processor in processors:
        _check_margin(processor, scores)
        scores = processor(ids, scores)
    return scores


def _check_order(settings: dict, processors: LogitsProcessorList) -> None:
    """What `generate` would build from the same settings, less what is off, is the same list."""
    model = MixtralForCausalLM(
        MixtralConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                      num_key_value_heads=1, num_local_experts=2, vocab_size=VOCAB)
    )  # fmt: skip
    plain = {"top_k": None, "top_p": 1.0, "temperature": 1.0}
    wanted = GenerationConfig(do_sample=True, **{**plain, **settings})
    built = model._get_logits_processor(wanted, input_ids_seq_length=1, device="cpu", logits_processor=[])
    if [type(item) for item in built] != [type(item) for item in processors]:
        raise AssertionError(f"{settings}: the reference builds {built}")


def _check_margin(processor, scores: torch.Tensor) -> None:
    """No outcome rests on the last bit of a sum."""
    if isinstance(processor, TopPLogitsWarper):
        sums = scores.sort(descending=False).values.softmax(-1).cumsum(-1)
        margin = (sums - (1 - processor.top_p)).abs().min()
    elif isinstance(processor, MinPLogitsWarper):
        probabilities = scores.softmax(-1)
        margin = (probabilities / probabilities.max(-1, keepdim=True).values - processor.min_p).abs().min()
    else:
        return
    if margin < 1e-5:
        raise AssertionError(f"{processor} decides by {margin:.1e}")
