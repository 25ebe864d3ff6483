"""samplers.json: what transformers' logits processors make of logits, alone and together."""

from pathlib import Path

import torch
from transformers import GenerationConfig, MixtralConfig, MixtralForCausalLM
from transformers.generation import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    LogitsProcessorList,
    MinPLogitsWarper,
    TopPLogitsWarper,
)

from golden_io import numbers, write_json

VOCAB = 50
# Tokens of a row, of which the first ones are the prompt.
LENGTH = 9
PROMPT = 6
EOS = [3, 7]
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
    "top-p-0": {"top_p": 0.0},
    "top-h": {"top_h": 0.6},
    "top-h-wide": {"top_h": 0.95},
    "typical": {"typical_p": 0.5},
    "typical-narrow": {"typical_p": 0.05},
    "epsilon": {"epsilon_cutoff": 0.03},
    "epsilon-beyond-all": {"epsilon_cutoff": 0.9},
    "eta": {"eta_cutoff": 0.02},
    "repetition-huge": {"repetition_penalty": 1e38},
    "temperature-huge": {"temperature": 1e38},
    "temperature-tiny": {"temperature": 1e-37},
    "no-repeat-1-gram": {"no_repeat_ngram_size": 1},
    "no-repeat-3-gram": {"no_repeat_ngram_size": 3},
    "no-repeat-longer": {"no_repeat_ngram_size": 10},
    "bad-words": {"bad_words_ids": [[4], [3], [11, 12]], "completes": "bad_words_ids"},
    "sequence-bias": {"sequence_bias": [[[5], -4.0], [[1, 2, 6], 3.5]], "completes": "sequence_bias"},
    "suppress": {"suppress_tokens": [0, 3, 49, 200, -1]},
    "begin-suppress-later": {"begin_suppress_tokens": [1, 2]},
    "begin-suppress": {"begin_suppress_tokens": [1, 2], "prompt": LENGTH},
    "min-length": {"min_length": LENGTH + 1},
    "min-length-reached": {"min_length": LENGTH},
    "min-new-tokens": {"min_new_tokens": LENGTH - PROMPT + 1},
    "min-new-tokens-reached": {"min_new_tokens": LENGTH - PROMPT},
    "forced-eos": {"forced_eos_token_id": [3, 20], "max_length": LENGTH + 1},
    "forced-eos-later": {"forced_eos_token_id": 3, "max_length": LENGTH + 2},
    "forced-bos-not": {"forced_bos_token_id": 5},
    "decay": {"exponential_decay_length_penalty": [1, 1.4]},
    "decay-later": {"exponential_decay_length_penalty": [3, 1.4]},
    "every-rule": {
        "repetition_penalty": 1.2,
        "no_repeat_ngram_size": 2,
        "bad_words_ids": [[8]],
        "min_new_tokens": 2,
        "exponential_decay_length_penalty": [1, 1.1],
        "suppress_tokens": [9],
        "temperature": 0.8,
        "top_k": 30,
        "top_p": 0.9,
    },
    "all": {"repetition_penalty": 1.2, "temperature": 1.4, "top_k": 20, "top_p": 0.9, "min_p": 0.02},
}


def write(out: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    logits = 1.5 * torch.randn((3, VOCAB), generator=generator)
    if any(len(set(row.tolist())) != VOCAB for row in logits):
        raise AssertionError("two logits of a row are equal")
    # Repeated ids are penalised once.
    ids = torch.randint(0, VOCAB, (3, LENGTH), generator=generator)
    ids[:, 5:] = ids[:, :4]
    tied = logits[:1].clone()
    fifth = tied.topk(5).indices[0, 4]
    tied[0, (fifth + 1) % VOCAB] = tied[0, fifth]
    rows = {"input_ids": ids.tolist(), "logits": numbers(logits), "tied_logits": numbers(tied)}
    cases = [_case(name, dict(settings), ids, logits) for name, settings in CASES.items()]
    kept = _run({"top_k": 5}, PROMPT, ids[:1], tied)
    cases.append(
        {"name": "top-k-tied", "settings": {"top_k": 5}, "prompt": PROMPT, "logits": "tied_logits", "scores": numbers(kept)}
    )
    if kept.isfinite().sum() != 6:
        raise AssertionError("a tie at the k-th place was broken")
    write_json(out / "samplers.json", {**rows, "eos": EOS, "cases": cases}, indent=None)


def _case(name: str, settings: dict, ids: torch.Tensor, logits: torch.Tensor) -> dict:
    prompt = settings.pop("prompt", PROMPT)
    key = settings.pop("completes", None)
    if key:
        # Its longest sequence is about to be completed in the first row.
        sequences = [one if key == "bad_words_ids" else one[0] for one in settings[key]]
        longest = max(sequences, key=len)
        longest[:-1] = ids[0, -(len(longest) - 1) :].tolist()
    scores = _run(settings, prompt, ids, logits)
    return {"name": name, "settings": settings, "prompt": prompt, "logits": "logits", "scores": numbers(scores)}


def _run(settings: dict, prompt: int, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    scores = logits.clone()
    for processor in _processors(settings, prompt):
        _check_margin(processor, scores)
        scores = processor(ids, scores)
    return scores


def _processors(settings: dict, prompt: int) -> LogitsProcessorList:
    """Those that `generate` builds from the settings, less what is off."""
    model = MixtralForCausalLM(
        MixtralConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                      num_key_value_heads=1, num_local_experts=2, vocab_size=VOCAB)
    )  # fmt: skip
    plain = {"top_k": None, "top_p": 1.0, "temperature": 1.0}
    config = GenerationConfig(do_sample=True, eos_token_id=EOS, **{**plain, **settings})
    model._prepare_special_tokens(config, device="cpu")
    return model._get_logits_processor(config, input_ids_seq_length=prompt, device="cpu", logits_processor=[])


def _check_margin(processor, scores: torch.Tensor) -> None:
    """No outcome rests on the last bit of a sum."""
    if isinstance(processor, TopPLogitsWarper):
        sums = scores.sort(descending=False).values.softmax(-1).cumsum(-1)
        # The last one is kept in any case.
        margin = (sums - (1 - processor.top_p))[..., :-1].abs().min()
    elif isinstance(processor, MinPLogitsWarper):
        probabilities = scores.softmax(-1)
        margin = (probabilities / probabilities.max(-1, keepdim=True).values - processor.min_p).abs().min()
    elif isinstance(processor, EpsilonLogitsWarper):
        margin = (scores.softmax(-1) - processor.epsilon).abs().min()
    elif isinstance(processor, EtaLogitsWarper):
        entropy = torch.distributions.Categorical(logits=scores).entropy()
        eta = torch.min(processor.epsilon, processor.epsilon.sqrt() * torch.exp(-entropy))[..., None]
        margin = (scores.softmax(-1) - eta).abs().min()
    else:
        return
    if margin < 1e-5:
        raise AssertionError(f"{processor} decides by {margin:.1e}")
