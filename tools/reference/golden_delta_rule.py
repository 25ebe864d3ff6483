"""delta-rule.safetensors: the gated delta rule and the causal convolution of Qwen3-Next, alone, with their gradients."""

from pathlib import Path

import torch
from transformers.models.qwen3_next import modeling_qwen3_next as qwen3_next

from golden_io import write_tensors

# name, rows, length, heads, width of keys, width of values, whether a state comes in
RULES = [
    ("step", 2, 1, 2, 4, 3, True),
    ("short", 2, 5, 2, 4, 6, False),
    ("chunk", 1, 64, 1, 4, 4, False),
    # Longer than two chunks of the reference, which is what it takes to see one chunk hand on to the next twice.
    ("chunks", 1, 131, 2, 6, 4, False),
    ("continued", 2, 66, 1, 4, 3, True),
    # Decays to nothing, and learning rates near 0 and 1.
    ("extremes", 1, 9, 2, 4, 4, True),
]
# name, rows, channels, length, width of the kernel
CONVOLUTIONS = [("kernel-4", 2, 5, 7, 4), ("kernel-2", 1, 3, 5, 2), ("shorter", 2, 3, 2, 4)]


def write(out: Path) -> None:
    tensors = {}
    for name, *sizes in RULES:
        tensors |= _named(f"rule/{name}", *_rule(len(tensors), name == "extremes", *sizes))
    for name, *sizes in CONVOLUTIONS:
        tensors |= _named(f"convolution/{name}", *_convolution(len(tensors), *sizes))
    write_tensors(out / "delta-rule.safetensors", tensors)


def _rule(seed: int, extremes: bool, rows: int, length: int, heads: int, key_width: int, value_width: int, stateful: bool):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    spread = 6.0 if extremes else 1.0
    inputs = {
        "q": normal(rows, length, heads, key_width),
        "k": normal(rows, length, heads, key_width),
        "v": normal(rows, length, heads, value_width),
        "g": -torch.nn.functional.softplus(spread * normal(rows, length, heads)),
        "beta": torch.sigmoid(spread * normal(rows, length, heads)),
    }
    if stateful:
        inputs["state"] = normal(rows, heads, key_width, value_width)

    def run(function, q, k, v, g, beta, state=None):
        return function(
            q, k, v, g=g, beta=beta, initial_state=state, output_final_state=True, use_qk_l2norm_in_kernel=True
        )

    chunked, stepwise = qwen3_next.torch_chunk_gated_delta_rule, qwen3_next.torch_recurrent_gated_delta_rule
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    y, state = run(chunked, *leaves.values())
    for ours, theirs in zip((y, state), run(stepwise, *inputs.values())):
        if (ours - theirs).abs().max() > 1e-5:
            raise AssertionError(f"{seed}: chunks and steps are {(ours - theirs).abs().max():.1e} apart")
    return _with_gradients(leaves, {"y": y, "state": state}, normal)


def _convolution(seed: int, rows: int, channels: int, length: int, kernel: int):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    leaves = {"x": normal(rows, channels, length).requires_grad_(), "w": normal(channels, kernel).requires_grad_()}
    y = qwen3_next.causal_conv1d_fn(leaves["x"], leaves["w"], None, activation="silu")
    return _with_gradients(leaves, {"y": y}, normal)


def _with_gradients(leaves, outputs, normal):
    upstream = {name: normal(*tensor.shape) for name, tensor in outputs.items()}
    sum((outputs[name] * upstream[name]).sum() for name in outputs).backward()
    return leaves, outputs, upstream, {name: tensor.grad for name, tensor in leaves.items()}


def _named(case: str, inputs, outputs, upstream, gradients) -> dict[str, torch.Tensor]:
    parts = {"in": inputs, "out": outputs, "upstream": upstream, "grad": gradients}
    return {f"{case}/{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
