"""routing.json: the experts of tokens by routers that no model of the golden files has.

Group-limited routing is DeepSeek-V3's of transformers; top-p routing (Huang et al. 2024) and expert choice (Zhou et al. 2022) are
written out in torch, as neither is in transformers.
"""

import math
from pathlib import Path

import torch
from transformers import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter

from golden_io import numbers, write_json

TOKENS, HIDDEN, EXPERTS = 12, 6, 8


def seeded() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(17)
    x = torch.randn(TOKENS, HIDDEN, generator=generator)
    gate = torch.randn(EXPERTS, HIDDEN, generator=generator)
    bias = 0.3 * torch.randn(EXPERTS, generator=generator)
    return x, gate, bias


def group_limited(n_group: int, topk_group: int, top_k: int, norm: bool, scale: float) -> dict:
    x, gate, bias = seeded()
    config = DeepseekV3Config(
        hidden_size=HIDDEN,
        n_routed_experts=EXPERTS,
        n_group=n_group,
        topk_group=topk_group,
        num_experts_per_tok=top_k,
        norm_topk_prob=norm,
        routed_scaling_factor=scale,
    )
    router = DeepseekV3TopkRouter(config)
    router.weight.data = gate
    router.e_score_correction_bias.data = bias
    outputs = [tensor for tensor in router(x) if tensor.shape == (TOKENS, top_k)]
    (indices,) = [tensor for tensor in outputs if tensor.dtype == torch.int64]
    (weights,) = [tensor for tensor in outputs if tensor.dtype != torch.int64]
    dense = torch.zeros(TOKENS, EXPERTS).scatter_(1, indices, weights)
    settings = {"nGroup": n_group, "topkGroup": topk_group, "numExpertsPerTok": top_k}
    return {"config": {**settings, "normTopkProb": norm, "routeScale": scale}, "weights": numbers(dense)}


def top_p(p: float, most: int, norm: bool) -> dict:
    x, gate, _ = seeded()
    probabilities = torch.softmax(x @ gate.T, dim=-1)
    dense = torch.zeros_like(probabilities)
    for token, row in enumerate(probabilities):
        total = 0.0
        for expert in torch.argsort(row, descending=True).tolist()[:most]:
            if total > p:
                break
            dense[token, expert] = row[expert]
            total += row[expert].item()
    if norm:
        dense = dense / dense.sum(-1, keepdim=True)
    return {"config": {"topP": p, "numExpertsPerTok": most, "normTopkProb": norm}, "weights": numbers(dense)}


def expert_choice(per_token: int, lengths: list[int]) -> dict:
    """Sequences of up to TOKENS / len(lengths) tokens, padded at the end."""
    x, gate, _ = seeded()
    length = TOKENS // len(lengths)
    probabilities = torch.softmax(x @ gate.T, dim=-1)
    dense = torch.zeros_like(probabilities)
    for row, tokens in enumerate(lengths):
        own = probabilities[row * length : row * length + tokens]
        capacity = min(tokens, math.ceil(tokens * per_token / EXPERTS))
        for expert in range(EXPERTS):
            for token in torch.topk(own[:, expert], capacity).indices.tolist():
                dense[row * length + token, expert] = own[token, expert]
    return {"config": {"numExpertsPerTok": per_token}, "lengths": lengths, "weights": numbers(dense)}


def write(out: Path) -> None:
    x, gate, bias = seeded()
    golden = {
        "x": numbers(x),
        "gate": numbers(gate),
        "bias": numbers(bias),
        "groupLimited": [
            group_limited(4, 2, 3, True, 2.5),
            group_limited(2, 1, 2, False, 1.0),
            group_limited(4, 3, 4, True, 1.0),
        ],
        "topP": [top_p(0.5, 8, False), top_p(0.9, 3, False), top_p(0.7, 8, True)],
        "expertChoice": [expert_choice(2, [6, 6]), expert_choice(3, [12]), expert_choice(2, [4, 2, 1])],
    }
    write_json(out / "routing.json", golden, indent=None)
