"""How near a model comes to a tie (choices of experts, values at the edge of a clamp), and how far rounding carries."""

from contextlib import contextmanager

import torch
from transformers.models.gpt_oss import modeling_gpt_oss
from transformers.models.olmoe import modeling_olmoe


@contextmanager
def routing_margins(model):
    """Collects, for every token that passes a router, by how much what was chosen beats what was not, in what is ranked."""
    margins: list[float] = []

    def record(router, arguments, result):
        logits = result[0].detach().float()
        if hasattr(router, "e_score_correction_bias"):
            margins.extend(_group_limited(router, torch.sigmoid(logits) + router.e_score_correction_bias))
        elif len(arguments) == 2:  # AFMoE: the router is called with the expert bias.
            margins.append(_margin(torch.sigmoid(logits) + arguments[1], router.top_k))
        else:
            margins.append(_margin(torch.softmax(logits, -1), router.top_k))

    with _hooks([module for module in model.modules() if type(module).__name__.endswith("Router")], record):
        yield margins


@contextmanager
def clamp_margins(model):
    """Collects how far the nearest value is from the bound of a clamp, where a gradient jumps: GPT-OSS and OLMoE."""
    margins: list[float] = []

    def experts(module, arguments, result):
        hidden, indices, _ = arguments
        for token, chosen in zip(hidden, indices):
            for expert in chosen.tolist():
                both = token @ module.gate_up_proj[expert] + module.gate_up_proj_bias[expert]
                gate, up = both[::2], both[1::2]
                margins.append(min((gate - module.limit).abs().min(), (up.abs() - module.limit).abs().min()).item())

    def clipped(module, arguments, result):
        margins.append((result.detach().abs() - model.config.clip_qkv).abs().min().item())

    modules = [module for module in model.modules() if isinstance(module, modeling_gpt_oss.GptOssExperts)]
    attentions = [module for module in model.modules() if isinstance(module, modeling_olmoe.OlmoeAttention)]
    projected = [part for module in attentions for part in (module.q_norm, module.k_norm, module.v_proj)]
    with _hooks(modules, experts), _hooks(projected if getattr(model.config, "clip_qkv", None) else [], clipped):
        yield margins


@contextmanager
def captured_router_logits(model):
    """Collects what the routers of DeepSeek-V3 compute, which the reference does not return."""
    logits: list[torch.Tensor] = []
    routers = [module for module in model.modules() if hasattr(module, "e_score_correction_bias")]
    with _hooks(routers, lambda router, arguments, result: logits.append(result[0])):
        yield logits


def nudge(model, seed: int):
    """Moves every parameter of `model` up or down by its last bit or so, as another order of sums does to what it computes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 2**-23 * torch.sign(torch.randn(parameter.shape, generator=generator)))
    return model


@contextmanager
def _hooks(modules, hook):
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _margin(ranked: torch.Tensor, k: int) -> float:
    """The k-th less the (k+1)-th, at the token where they are nearest."""
    if k >= ranked.shape[-1]:  # Everything is chosen: nothing is further apart.
        return 1.0
    top = ranked.topk(k + 1, -1).values
    return (top[:, k - 1] - top[:, k]).min().item()


def _group_limited(router, ranked: torch.Tensor) -> tuple[float, float]:
    """DeepSeek-V3 chooses groups by the sum of their two best experts, and then experts within those groups."""
    groups = ranked.view(len(ranked), router.num_group, -1)
    scores = groups.topk(2, -1).values.sum(-1)
    kept = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, scores.topk(router.topk_group, -1).indices, True)
    left = groups.masked_fill(~kept[..., None], float("-inf")).flatten(1)
    return _margin(scores, router.topk_group), _margin(left, router.top_k)
