"""Goldens of padding: the gradient of the padding token's embedding, which nn.Embedding(padding_idx=pad_token_id) leaves out."""

from pathlib import Path

import torch

from golden_io import write_json
from golden_models import EAGER, MODELS, TRAINED

# The checkpoint of a case of `models/`, with `pad_token_id` set: `basic` has a head of its own, `positions` a tied one.
CASES = {"untied": "basic", "tied": "positions"}
PAD = 5
LENGTHS = (9, 6, 4)
STEPS = 3
OPTIMIZER = {"learningRate": 3e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weightDecay": 0.1}


def write(out: Path, fixtures: Path) -> None:
    for family in TRAINED:
        config_class, model_class = MODELS[family]
        cases = {}
        for name, source in CASES.items():
            folder = fixtures / "models" / family / source
            config = config_class.from_pretrained(folder)
            config.pad_token_id = PAD
            model = model_class.from_pretrained(folder, config=config, dtype=torch.float32, **EAGER).eval()
            embedding = model.get_input_embeddings()
            if embedding.padding_idx != PAD or config.tie_word_embeddings != (name == "tied"):
                raise AssertionError(f"{family} {name}: padding_idx {embedding.padding_idx}")
            inputs = {side: _inputs(config.vocab_size, side) for side in ("left", "right")}
            gradients = {side: _gradient(model, batch) for side, batch in inputs.items()}
            cases[name] = {
                "model": source,
                "inputs": {side: {key: value.tolist() for key, value in batch.items()} for side, batch in inputs.items()},
                # The row of padding, one of a token beside it, and what all rows come to.
                "rows": {side: {str(row): gradient[row].tolist() for row in (PAD, PAD + 1)} for side, gradient in gradients.items()},
                "norms": {side: gradient.norm().item() for side, gradient in gradients.items()},
                "trained": _trained(model, inputs["right"])[PAD].tolist(),
            }
        write_json(out / "padding" / f"{family}.json", {"padTokenId": PAD, "optimizer": OPTIMIZER, "steps": STEPS, "cases": cases}, indent=None)


def _inputs(vocab: int, side: str) -> dict[str, torch.Tensor]:
    """Rows that are filled up with the padding token, which is also a token of the texts, as where it is the end of a text too."""
    generator = torch.Generator().manual_seed(31)
    width = max(LENGTHS)
    ids = torch.randint(0, vocab, (len(LENGTHS), width), generator=generator)
    slots = torch.arange(width)
    mask = torch.stack([slots >= width - n if side == "left" else slots < n for n in LENGTHS]).to(torch.int64)
    ids[mask == 0] = PAD
    ids[0, 2] = ids[0, 5] = ids[1, 4] = PAD
    ids[0, 3] = PAD + 1
    labels = torch.where(mask == 1, ids, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _gradient(model, inputs) -> torch.Tensor:
    model.zero_grad()
    model(**inputs, use_cache=False, output_router_logits=True).loss.backward()
    return model.get_input_embeddings().weight.grad.detach().clone()


def _trained(model, inputs) -> torch.Tensor:
    """The embedding after some steps: without a gradient, weight decay moves a row all the same."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=OPTIMIZER["learningRate"],
        betas=tuple(OPTIMIZER["betas"]),
        eps=OPTIMIZER["eps"],
        weight_decay=OPTIMIZER["weightDecay"],
    )
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(**inputs, use_cache=False, output_router_logits=True).loss.backward()
        optimizer.step()
    return model.get_input_embeddings().weight.detach()
