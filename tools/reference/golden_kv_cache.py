"""kv-cache.safetensors: attention over keys and values in int8, and a model with a cache of them.

transformers' QuantizedCache needs optimum-quanto or HQQ, whose formats are others. The formula here is that of vLLM's
`int8_per_token_head`: one scale of each head and position, the largest magnitude over 127.
"""

from pathlib import Path

import torch
from torch.nn.functional import softmax
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

from golden_io import write_tensors

# name, rows, heads, key heads, queries, keys, width, width of values, window, padding of the first row
ATTENTIONS = [
    ("step", 2, 4, 2, 1, 40, 16, 16, None, 0),
    ("prompt", 1, 6, 2, 24, 24, 20, 20, None, 0),
    ("window", 2, 2, 2, 3, 30, 7, 7, 8, 0),
    ("window-step", 1, 4, 1, 1, 30, 16, 16, 8, 0),
    ("padded", 2, 4, 2, 5, 20, 16, 16, None, 7),
    ("padded-step", 2, 4, 2, 1, 20, 16, 16, None, 7),
    # More than a block of 256 positions.
    ("long", 1, 4, 2, 2, 300, 8, 8, None, 0),
    # Latents: the values are the first numbers of the keys, and share their scale.
    ("latent", 1, 4, 1, 3, 12, 18, 12, None, 0),
]
MODELS = ["mixtral/window", "qwen3-moe/basic", "gpt-oss/basic"]
PROMPT, STEPS = 14, 6
# Codes jump where a number is half a scale from a whole one: seeds with such numbers are passed over, since engines round differently.
MARGIN = 3e-4


def quantize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes of the last axis, and their scales."""
    scales = x.abs().amax(-1, keepdim=True) / 127
    return torch.round(x / scales).clamp(-127, 127), scales


def write(out: Path, fixtures: Path) -> None:
    tensors = {}
    for seed, (name, *sizes) in enumerate(ATTENTIONS):
        tensors |= {f"attention/{name}/{key}": tensor for key, tensor in _attention(seed, *sizes).items()}
    for name in MODELS:
        tensors |= {f"model/{name}/{key}": tensor for key, tensor in _model(fixtures / "models" / name).items()}
    write_tensors(out / "kv-cache.safetensors", tensors)


def _attention(seed, rows, heads, groups, queries, keys, width, value_width, window, padding):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    # Positions of different size, as keys have them.
    sizes = normal(rows, groups, keys, 1).exp()
    q, k, v = normal(rows, heads, queries, width), sizes * normal(rows, groups, keys, width), normal(rows, groups, keys, value_width)
    is_latent = value_width < width
    if is_latent:
        v = k[..., :value_width]
    k_codes, k_scales = quantize(k)
    v_codes, v_scales = (k_codes[..., :value_width], k_scales) if is_latent else quantize(v)

    def repeated(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(heads // groups, 1)

    scores = q @ repeated(k_codes * k_scales).transpose(2, 3) * width**-0.5
    position = torch.arange(keys - queries, keys)[:, None]
    other = torch.arange(keys)[None]
    is_seen = (other <= position) & (position - other < (window or keys))
    is_token = torch.ones(rows, keys, dtype=torch.bool)
    is_token[0, :padding] = False
    scores = scores.masked_fill(~(is_seen & is_token[:, None, None]), -torch.inf)
    y = (softmax(scores, -1) @ repeated(v_codes * v_scales)).transpose(1, 2).flatten(2)
    shape = torch.tensor([queries, window or 0, padding])
    values = {} if is_latent else {"v": v, "v_codes": v_codes, "v_scales": v_scales}
    return {"q": q, "k": k, "k_codes": k_codes, "k_scales": k_scales, **values, "y": y, "shape": shape}


def _model(folder: Path) -> dict[str, torch.Tensor]:
    """A prompt, then one token at a time, with keys and values rounded as they enter the cache."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    for seed in range(1000):
        ids = torch.randint(5, model.config.vocab_size, (2, PROMPT + STEPS), generator=torch.Generator().manual_seed(seed))
        logits, margin = _run(model, ids)
        if margin >= MARGIN:
            exact = model(ids).logits
            return {"input_ids": ids, "logits": logits, "difference": (logits - exact).abs().max()}
    raise AssertionError(f"{folder}: no seed keeps {MARGIN} from all ties")


@torch.no_grad()
def _run(model, ids: torch.Tensor) -> tuple[torch.Tensor, float]:
    cache = DynamicCache(config=model.config)
    margins = []

    def rounding(update):
        def rounded(keys, values, *rest, **named):
            decoded = []
            for x in (keys, values):
                codes, scales = quantize(x)
                margins.append(((x / scales).abs() - codes.abs()).abs().sub(0.5).abs().min().item())
                decoded.append(codes * scales)
            return update(*decoded, *rest, **named)

        return rounded

    for layer in cache.layers:
        layer.update = rounding(layer.update)
    logits = [model(ids[:, :PROMPT], past_key_values=cache).logits]
    for i in range(PROMPT, PROMPT + STEPS):
        logits.append(model(ids[:, i : i + 1], past_key_values=cache).logits)
    return torch.cat(logits, 1), min(margins)
