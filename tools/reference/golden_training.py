"""Goldens of training: gradients of the loss for every parameter, and loss curves of AdamW."""

import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers.optimization import get_cosine_schedule_with_warmup

from golden_margins import routing_margins

STEPS = 50
OPTIMIZER = {
    "learningRate": 3e-3,
    "betas": [0.9, 0.95],
    "eps": 1e-8,
    "weightDecay": 0.1,
    "warmupSteps": 5,
    "maxGradNorm": 1.0,
    "accumulate": 2,
}
# What moves the choice of experts alone has no gradient.
BUFFERS = ("expert_bias", "e_score_correction_bias")
# Each step sees two of them in turn; unequal rows are padded on the right.
BATCHES = 6
LENGTHS = ((12, 12, 12), (12, 7, 4))


def gradients(model, inputs: dict[str, torch.Tensor], **options) -> dict[str, torch.Tensor]:
    """The gradient of the loss for every parameter that has one, under the names on disk."""
    model.zero_grad()
    model(**inputs, use_cache=False, **options).loss.backward()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.copy_(parameter.grad if parameter.grad is not None else torch.zeros_like(parameter))
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        saved = load_file(Path(scratch) / "model.safetensors")
    return {name: tensor for name, tensor in saved.items() if name not in frozen and not name.endswith(BUFFERS)}


def batches(vocab_size: int, seed: int) -> list[dict[str, torch.Tensor]]:
    """Sentences of a made-up language: each token follows from the one before, mostly, so that there is much to learn."""
    generator = torch.Generator().manual_seed(20_000 + seed)
    follower = torch.randperm(vocab_size, generator=generator)
    made = []
    for index in range(BATCHES):
        lengths = LENGTHS[index % len(LENGTHS)]
        width = max(lengths)
        ids = torch.randint(0, vocab_size, (len(lengths), width), generator=generator)
        for column in range(1, width):
            obeys = torch.rand(len(lengths), generator=generator) < 0.8
            ids[:, column] = torch.where(obeys, follower[ids[:, column - 1]], ids[:, column])
        mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).to(torch.int64)
        labels = torch.where(mask == 1, ids, -100)
        labels[torch.rand(labels.shape, generator=generator) < 0.1] = -100
        made.append({"input_ids": ids, "labels": labels, "attention_mask": mask})
    return made


def curve(model, seed: int) -> tuple[dict, float]:
    """Losses and gradient norms of AdamW from where the model is, and the nearest tie of a router on the way."""
    data = batches(model.config.vocab_size, seed)
    decayed = [p for name, p in model.named_parameters() if p.requires_grad and not name.endswith("norm.weight")]
    others = [p for name, p in model.named_parameters() if p.requires_grad and name.endswith("norm.weight")]
    groups = [{"params": decayed, "weight_decay": OPTIMIZER["weightDecay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups, lr=OPTIMIZER["learningRate"], betas=tuple(OPTIMIZER["betas"]), eps=OPTIMIZER["eps"]
    )
    schedule = get_cosine_schedule_with_warmup(optimizer, OPTIMIZER["warmupSteps"], STEPS)
    coefficient = getattr(model.config, "router_aux_loss_coef", 0.0)
    losses, norms = [], []
    with routing_margins(model) as margins:
        for step in range(STEPS):
            chosen = [data[(2 * step + i) % BATCHES] for i in range(OPTIMIZER["accumulate"])]
            items = sum(int((batch["labels"][:, 1:] != -100).sum()) for batch in chosen)
            optimizer.zero_grad()
            total = 0.0
            for batch in chosen:
                result = model(**batch, use_cache=False, output_router_logits=True, num_items_in_batch=items)
                loss = result.loss
                if getattr(result, "aux_loss", None) is not None:
                    # The mean over the batches of a step, where the reference adds them up.
                    loss = loss - coefficient * result.aux_loss * (1 - 1 / len(chosen))
                loss.backward()
                total += loss.item()
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER["maxGradNorm"]).item())
            optimizer.step()
            schedule.step()
            losses.append(total)
    golden = {
        "optimizer": OPTIMIZER,
        "batches": [{name: tensor.tolist() for name, tensor in batch.items()} for batch in data],
        "losses": losses,
        "gradNorms": norms,
    }
    return golden, min(margins)
