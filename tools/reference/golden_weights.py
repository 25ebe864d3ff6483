"""Seeded weights with enough spread that a wrong formula cannot hide below the tolerance.

transformers initialises with std 0.02, unit norms and zero biases: logits would all be near 0 and a forgotten norm weight
or expert bias would not show. Here every tensor is random and every activation is of order one.
"""

import torch

# Standard deviation of a projection's output for unit-variance input; the tensor's own std is gain / sqrt(fan in).
GAINS = {
    "q_proj.weight": 1.5,
    "k_proj.weight": 1.5,
    "v_proj.weight": 1.2,
    "o_proj.weight": 1.5,
    "gate_proj.weight": 1.5,
    "up_proj.weight": 1.5,
    "down_proj.weight": 2.0,
    "experts.gate_up_proj": 1.5,
    "experts.down_proj": 2.0,
    "mlp.gate.weight": 2.0,
    "router.gate.weight": 2.0,
    "lm_head.weight": 2.0,
}
# Of projections that only one family has.
OTHER_GAIN = 1.5


def fill(model: torch.nn.Module, seed: int) -> None:
    """Overwrite every parameter of `model` in place; parameters are visited in the order of their names."""
    config = model.config
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(_shape_noise(name, noise, config))


def _shape_noise(name: str, noise: torch.Tensor, config) -> torch.Tensor:
    if name.endswith("expert_bias"):
        return 0.25 * noise
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return 1.3 + 0.4 * noise
    if name == "model.norm.weight" and config.tie_word_embeddings:
        return 3.0 + 0.75 * noise
    if name.endswith(("norm.weight", "layernorm.weight")):
        return 1.0 + 0.25 * noise
    if name.endswith(".bias"):
        return 0.5 * noise
    if name.endswith("embed_tokens.weight"):
        if config.tie_word_embeddings:
            # Small, so that a token does not predict itself; the final norm makes up for it.
            return noise * 0.5 * config.hidden_size**-0.5
        # muP multiplies by sqrt(hidden).
        return noise * (config.hidden_size**-0.5 if getattr(config, "mup_enabled", False) else 1.0)
    for suffix, gain in GAINS.items():
        if name.endswith(suffix):
            return noise * gain * noise.shape[-1] ** -0.5
    if noise.dim() == 1:
        raise ValueError(f"no rule for the vector {name}")
    return noise * OTHER_GAIN * noise.shape[-1] ** -0.5
