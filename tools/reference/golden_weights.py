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


# Vectors that only one family has: mean and standard deviation.
VECTORS = {
    "expert_bias": (0.0, 0.25),
    "e_score_correction_bias": (0.0, 0.25),
    "sinks": (0.5, 1.0),
    "_proj_bias": (0.0, 0.5),
    # Decays from nearly none to nearly all of the state.
    "A_log": (-1.0, 1.0),
    "dt_bias": (0.0, 0.5),
}


def fill(model: torch.nn.Module, seed: int, overrides: dict[str, tuple[float, float]]) -> None:
    """
    Overwrite every parameter of `model`, and every buffer that is saved, in place, in the order of their names.

    `overrides` has the mean and the standard deviation of tensors by the end of their names.
    """
    config = model.config
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(sorted(model.named_parameters()))
    buffers = {name: tensor for name, tensor in sorted(model.state_dict(keep_vars=True).items()) if name not in parameters}
    if config.tie_word_embeddings:
        buffers.pop("lm_head.weight", None)
    with torch.no_grad():
        for name, tensor in [*parameters.items(), *buffers.items()]:
            noise = torch.randn(tensor.shape, generator=generator)
            given = next((value for ending, value in overrides.items() if name.endswith(ending)), None)
            tensor.copy_(given[0] + given[1] * noise if given else _shape_noise(name, noise, config))


def _shape_noise(name: str, noise: torch.Tensor, config) -> torch.Tensor:
    for ending, (mean, deviation) in VECTORS.items():
        if name.endswith(ending):
            return mean + deviation * noise
    if config.model_type == "qwen3_next" and name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight"):
        return _norm_around_one(name, noise, config) - 1.0
    if config.model_type == "gpt_oss" and name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        # [E, in, out]; large enough that the activation is clamped here and there.
        return noise * (4.0 if name.endswith("gate_up_proj") else 0.4) * noise.shape[-2] ** -0.5
    if name.endswith(("norm.weight", "layernorm.weight")):
        return _norm_around_one(name, noise, config)
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


def _norm_around_one(name: str, noise: torch.Tensor, config) -> torch.Tensor:
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        return 1.3 + 0.4 * noise
    if name == "model.norm.weight" and config.tie_word_embeddings:
        return 3.0 + 0.75 * noise
    return 1.0 + 0.25 * noise
