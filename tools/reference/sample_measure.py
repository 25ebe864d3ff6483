"""What the model card reports: held-out loss beside bigram baselines, the experts' use by register, sample texts."""

import math
from pathlib import Path

import numpy as np
import torch
from transformers import AfmoeForCausalLM, AutoTokenizer

from sample_corpus import REGISTERS, Corpus
from sample_tokenizer import register_token

PROMPTS = {
    "melville": ("The old whale", "Now, Ahab"),
    "republic": ("It was", "The Government of the United States"),
    "modern": ("My fellow Americans,", "Tonight"),
}
SAMPLE_SEED, SAMPLE_TOKENS = 7, 110


class Bigram:
    """Witten-Bell bigram: P(w|h) = (c(h,w) + T(h) P(w)) / (c(h) + T(h)), T(h) the number of distinct followers.

    P(w) is the add-one unigram. Nothing is tuned, so nothing is tuned to the held-out text.
    """

    def __init__(self, streams: list[np.ndarray], vocab: int) -> None:
        pairs = np.concatenate([s[:-1].astype(np.int64) * vocab + s[1:] for s in streams])
        self.counts = np.bincount(pairs, minlength=vocab * vocab).reshape(vocab, vocab)
        singles = np.bincount(np.concatenate(streams).astype(np.int64), minlength=vocab) + 1.0
        self.unigram = singles / singles.sum()
        self.followers = (self.counts > 0).sum(axis=1)
        self.totals = self.counts.sum(axis=1)

    def nats(self, stream: np.ndarray) -> float:
        """Sum of -ln P over every token of the stream but its first."""
        before, after = stream[:-1].astype(np.int64), stream[1:].astype(np.int64)
        top = self.counts[before, after] + self.followers[before] * self.unigram[after]
        below = self.totals[before] + self.followers[before]
        backed_off = np.where(below > 0, top / np.maximum(below, 1), self.unigram[after])
        return float(-np.log(backed_off).sum())


@torch.no_grad()
def model_nats(model: AfmoeForCausalLM, stream: np.ndarray, mark: int) -> float:
    """Sum of -ln p over the same tokens as `Bigram.nats`, in windows that do not overlap and start with `mark`."""
    length = model.config.max_position_embeddings
    total = 0.0
    for start in range(1, len(stream), length):
        piece = stream[start : start + length].astype(np.int64)
        ids = torch.from_numpy(np.concatenate(([mark], piece)))[None]
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        total += float(torch.nn.functional.cross_entropy(logits[0].float(), ids[0, 1:], reduction="sum"))
    return total


class ExpertUse:
    """Counts the experts chosen in every MoE layer while it is installed, and the choices that the bias changed."""

    def __init__(self, model: AfmoeForCausalLM) -> None:
        self.experts = model.config.num_experts
        self.layers = [i for i, layer in enumerate(model.model.layers) if layer.moe_enabled]
        self.counts = torch.zeros(len(self.layers), self.experts)
        self.changed = torch.zeros(len(self.layers))
        self.chosen = torch.zeros(len(self.layers))
        self.hooks = [
            model.model.layers[i].mlp.router.register_forward_hook(self._recorder(row))
            for row, i in enumerate(self.layers)
        ]

    def _recorder(self, row: int):
        def record(_module, _inputs, output) -> None:
            logits, _, chosen = output
            self.counts[row] += torch.bincount(chosen.flatten(), minlength=self.experts).float()
            unbiased = torch.topk(logits, k=chosen.shape[1], dim=1).indices
            self.changed[row] += (chosen[:, :, None] != unbiased[:, None, :]).all(dim=2).sum()
            self.chosen[row] += chosen.numel()

        return record

    def take(self) -> torch.Tensor:
        """Shares `[layers, experts]` since the last call; every row sums to one."""
        shares = self.counts / self.counts.sum(dim=1, keepdim=True)
        self.counts = torch.zeros_like(self.counts)
        return shares

    def close(self) -> None:
        for hook in self.hooks:
            hook.remove()


def scores(nats: float, tokens: int, size: int) -> dict[str, float]:
    return {
        "nats_per_token": round(nats / tokens, 4),
        "nats_per_byte": round(nats / size, 4),
        "bits_per_byte": round(nats / size / math.log(2), 4),
    }


def write_samples(model: AfmoeForCausalLM, tokenizer) -> list[dict[str, str]]:
    samples = []
    for register, prompts in PROMPTS.items():
        for index, prompt in enumerate(prompts):
            ids = tokenizer(register_token(register) + prompt, return_tensors="pt").input_ids
            greedy = index == 1
            torch.manual_seed(SAMPLE_SEED)
            out = model.generate(ids, max_new_tokens=SAMPLE_TOKENS, do_sample=not greedy)
            text = tokenizer.decode(out[0][ids.shape[1] :], skip_special_tokens=True)
            samples.append({"register": register, "way": "greedy" if greedy else "sampled", "prompt": prompt,
                            "text": text})
    return samples


def measure(folder: Path, train: dict[str, np.ndarray], held_out: dict[str, np.ndarray], corpus: Corpus) -> dict:
    """Measures the stored checkpoint: its bfloat16 weights, computed in float32."""
    model = AfmoeForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    vocab = model.config.vocab_size
    special = set(tokenizer.all_special_ids)
    # A byte-level token has one character for each byte.
    sizes = np.array([0 if i in special else len(tokenizer.convert_ids_to_tokens(i)) for i in range(vocab)])
    pooled = Bigram([train[r] for r in REGISTERS], vocab)
    use = ExpertUse(model)
    rows: dict[str, dict] = {}
    shares: dict[str, torch.Tensor] = {}
    sums = {"tokens": 0, "bytes": 0, "model": 0.0, "bigram": 0.0, "bigram_of_register": 0.0}
    for register in REGISTERS:
        stream = held_out[register]
        found = {
            "tokens": len(stream) - 1,
            "bytes": int(sizes[stream[1:].astype(np.int64)].sum()),
            "model": model_nats(model, stream, tokenizer.convert_tokens_to_ids(register_token(register))),
            "bigram": pooled.nats(stream),
            "bigram_of_register": Bigram([train[register]], vocab).nats(stream),
        }
        shares[register] = use.take()
        rows[register] = found
        for key, value in found.items():
            sums[key] += value
    use.close()
    rows["all"] = sums
    table = {
        name: {
            "tokens": row["tokens"],
            "bytes": row["bytes"],
            **{way: scores(row[way], row["tokens"], row["bytes"]) for way in ("model", "bigram", "bigram_of_register")},
        }
        for name, row in rows.items()
    }
    overall = torch.stack([shares[r] for r in REGISTERS]).mean(dim=0)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_tokens": {r: len(train[r]) for r in REGISTERS},
        "documents": {r: [len(corpus.train[r]), len(corpus.held_out[r])] for r in REGISTERS},
        "held_out": table,
        "moe_layers": use.layers,
        "expert_share": {r: [[round(x, 4) for x in row] for row in shares[r].tolist()] for r in REGISTERS},
        "least_used": round(float(overall.min()), 4),
        # Half the L1 distance to the mean of the registers: 0 when a register routes like all, 1 when apart.
        "distance_by_layer": {r: [round(x, 4) for x in (shares[r] - overall).abs().sum(1).div(2).tolist()]
                              for r in REGISTERS},
        "expert_bias": {str(i): [round(x, 4) for x in model.model.layers[i].mlp.expert_bias.tolist()]
                        for i in use.layers},
        # Share of the choices that the scores alone would not have made.
        "changed_by_bias": [round(x, 4) for x in (use.changed / use.chosen).tolist()],
        "samples": write_samples(model, tokenizer),
    }
