"""generation.json.gz: what `generate` of transformers makes of golden models with processors and stopping criteria of the caller, with
the log-probabilities of its logits and of its scores. The rules stand in `packages/mixtape/test/own-rules.ts` once more."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from golden_io import write_json_gz

MODELS = ("mixtral/basic", "qwen3-moe/basic", "afmoe/basic")
ROWS, LENGTH = 3, 4
NEW_TOKENS = 24
EOS, PAD = [14, 25], 0
TOP = 5
# A greedy choice, and a place among the likeliest, is not left to the last bits.
MARGIN = 1e-3


class Banned(LogitsProcessor):
    """After an even id, no id that 3 divides."""

    def __call__(self, input_ids, scores):
        scores = scores.clone()
        scores[(input_ids[:, -1] % 2 == 0)[:, None] & (torch.arange(scores.shape[1]) % 3 == 0)[None]] = -torch.inf
        return scores


class Once(LogitsProcessor):
    """No token twice among the new ones."""

    def __init__(self, prompt: int):
        self.prompt = prompt

    def __call__(self, input_ids, scores):
        return scores.scatter(1, input_ids[:, self.prompt :], -torch.inf)


class NotBefore(LogitsProcessor):
    """No end token before 6 new tokens in row 0, 7 in row 1, and so on."""

    def __init__(self, prompt: int):
        self.prompt = prompt

    def __call__(self, input_ids, scores):
        scores = scores.clone()
        for row in range(scores.shape[0]):
            if input_ids.shape[1] - self.prompt < 6 + row:
                scores[row, EOS] = -torch.inf
        return scores


class Favoured(LogitsProcessor):
    """Adds 2 to ids that 5 divides: not the same before the repetition penalty as after, nor before temperature and top-p."""

    def __call__(self, input_ids, scores):
        return scores + 2.0 * (torch.arange(scores.shape[1]) % 5 == 0)


class Total(StoppingCriteria):
    """Row r ends as soon as its new ids sum to 400 · (r + 1)."""

    def __init__(self, prompt: int):
        self.prompt = prompt

    def __call__(self, input_ids, scores, **kwargs):
        limits = 400 * (1 + torch.arange(input_ids.shape[0]))
        return input_ids[:, self.prompt :].sum(-1) >= limits


class Repeated(StoppingCriteria):
    """A row ends with a token that it has had before, prompt included."""

    def __call__(self, input_ids, scores, **kwargs):
        return torch.tensor([row[-1].item() in row[:-1].tolist() for row in input_ids])


# The names of own-rules.ts; a sampled case is replayed there.
CASES = {
    "plain": {},
    "banned": {"processors": ["banned"]},
    "once": {"processors": ["once"]},
    "not-before": {"processors": ["not-before"], "options": {"eos_token_id": EOS}},
    "banned-once": {"processors": ["banned", "once"], "options": {"repetition_penalty": 1.3}},
    "total": {"criteria": ["total"], "options": {"eos_token_id": EOS}, "processors": ["once"]},
    "total-or-repeated": {"criteria": ["total", "repeated"]},
    "favoured-penalised": {"processors": ["favoured"], "options": {"repetition_penalty": 1.5}},
    "favoured-sampled": {
        "processors": ["favoured"],
        "options": {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.9},
    },
    "banned-once-sampled": {
        "processors": ["banned", "once"],
        "options": {"do_sample": True, "temperature": 1.5, "repetition_penalty": 1.2, "min_p": 0.02, "eos_token_id": EOS},
        "criteria": ["total"],
    },
}  # fmt: skip


def write(out: Path, fixtures: Path) -> None:
    runs = []
    for folder in MODELS:
        model = AutoModelForCausalLM.from_pretrained(fixtures / "models" / folder, attn_implementation="eager", experts_implementation="eager").eval()
        runs += [_first(model, folder, name, case) for name, case in CASES.items()]
    write_json_gz(out / "generation.json.gz", {"max_new_tokens": NEW_TOKENS, "runs": runs})


class Tie(Exception):
    """A greedy choice is nearly a tie."""


def _first(model, folder: str, name: str, case: dict) -> dict:
    """The run of the first seed of prompts without a tie."""
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        prompts = torch.randint(0, model.config.vocab_size, (ROWS, LENGTH), generator=generator)
        try:
            return _run(model, folder, name, prompts, **case)
        except Tie:
            pass
    raise AssertionError(f"{folder}, {name}: no prompts without a tie")


def _run(model, folder: str, name: str, prompts, processors=(), criteria=(), options=None) -> dict:
    options = options or {}
    length = LENGTH
    makers = {"banned": Banned, "once": lambda: Once(length), "not-before": lambda: NotBefore(length), "favoured": Favoured}
    stops = {"total": lambda: Total(length), "repeated": Repeated}
    torch.manual_seed(11)
    own = {"top_k": 0, **options}
    result = model.generate(
        prompts,
        max_new_tokens=NEW_TOKENS,
        pad_token_id=PAD,
        logits_processor=LogitsProcessorList([makers[one]() for one in processors]),
        stopping_criteria=StoppingCriteriaList([stops[one]() for one in criteria]),
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=True,
        **own,
    )
    sequences = result.sequences
    chosen = {
        kind: model.compute_transition_scores(sequences, getattr(result, kind), normalize_logits=True)
        for kind in ("logits", "scores")
    }
    rows = [
        _row(row, sequences, result, chosen, [stops[one]() for one in criteria], options) for row in range(ROWS)
    ]
    with torch.no_grad():
        before = model(prompts).logits[:, :-1].log_softmax(-1)
    return {
        "model": folder,
        "name": name,
        "prompts": prompts.tolist(),
        "options": options,
        "processors": list(processors),
        "criteria": list(criteria),
        # Of the tokens of the prompt but the first.
        "prompt_logprobs": [
            [[round(before[row, i, prompts[row, i + 1]].item(), 6), *_top(before[row, i])] for i in range(length - 1)]
            for row in range(ROWS)
        ],
        "rows": rows,
    }


def _row(row: int, sequences, result, chosen, criteria, options) -> dict:
    """The tokens of a row up to the one that ends it, which transformers pads afterwards if there are end tokens."""
    length = LENGTH
    steps, finish, stop = sequences.shape[1] - length, "length", None
    for step in range(steps):
        ids = sequences[:, : length + step + 1]
        if ids[row, -1].item() in options.get("eos_token_id", []):
            finish = "eos"
        elif ended := [one for one in criteria if one(ids, None)[row]]:
            finish, stop = "stop", type(ended[0]).__name__.lower()
        else:
            continue
        steps = step + 1
        break
    if not options.get("do_sample"):
        for step in range(steps):
            first, second = result.scores[step][row].topk(2).values.tolist()
            if first - second < MARGIN:
                raise Tie
    tops = {kind: [_top(getattr(result, kind)[step][row]) for step in range(steps)] for kind in ("logits", "scores")}
    return {
        "ids": sequences[row, length : length + steps].tolist(),
        "finish_reason": finish,
        "stop_reason": stop,
        "logprobs": {kind: [round(v, 6) for v in chosen[kind][row, :steps].tolist()] for kind in chosen},
        "top": tops,
    }


def _top(logits: torch.Tensor) -> list:
    """Ids and log-probabilities of the likeliest tokens, less those at −∞."""
    found = logits.log_softmax(-1).topk(TOP)
    pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return [[id, round(value, 6)] for id, value in pairs if value > -torch.inf]
