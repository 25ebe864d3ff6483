"""ops.safetensors, ops.json and ops-rotary.*: single operations, their results and their gradients, by transformers' own code.

Every case takes named inputs, gives named outputs, and for a fixed random gradient of each floating output the gradient
of each differentiable input. Tensors are stored as `case/in/x`, `case/out/y`, `case/upstream/y`, `case/grad/x`.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Callable

import torch
from transformers import AfmoeConfig, MixtralConfig, Qwen3MoeConfig
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.models.afmoe import modeling_afmoe as afmoe
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as deepseek_v3
from transformers.models.glm4 import modeling_glm4 as glm4
from transformers.models.mixtral import modeling_mixtral as mixtral
from transformers.models.qwen3_moe import modeling_qwen3_moe as qwen3_moe

from golden_io import write_json, write_tensors

Tensors = dict[str, torch.Tensor]


class Recorder:
    """Runs cases and keeps what they took and gave."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors: Tensors = {}
        self.cases: list[dict] = []

    def normal(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        return scale * torch.randn(shape, generator=self.generator)

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, high, shape, generator=self.generator)

    def record(
        self,
        op: str,
        name: str,
        attributes: dict,
        inputs: Tensors,
        run: Callable[[Tensors], Tensors],
        *,
        constant: tuple[str, ...] = (),
        dead: torch.Tensor | None = None,
    ) -> None:
        """`constant` inputs get no gradient; where `dead` is true, the upstream gradient is zero."""
        case = f"{op}.{name}"
        leaves = {
            key: tensor.clone().requires_grad_(tensor.is_floating_point() and key not in constant)
            for key, tensor in inputs.items()
        }
        outputs = run(leaves)
        differentiable = {key: tensor for key, tensor in outputs.items() if tensor.is_floating_point()}
        upstream = {key: self.normal(*tensor.shape) for key, tensor in differentiable.items()}
        if dead is not None:
            upstream = {key: tensor.masked_fill(dead, 0.0) for key, tensor in upstream.items()}
        wanted = {key: tensor for key, tensor in leaves.items() if tensor.requires_grad}
        gradients = torch.autograd.grad(list(differentiable.values()), list(wanted.values()), list(upstream.values()))
        for group, members in (
            ("in", inputs),
            ("out", outputs),
            ("upstream", upstream),
            ("grad", dict(zip(wanted, gradients))),
        ):
            for key, tensor in members.items():
                if not torch.isfinite(tensor).all():
                    raise AssertionError(f"{case}: {group}/{key} is not finite")
                self.tensors[f"{case}/{group}/{key}"] = tensor
        self.cases.append(
            {
                "name": case,
                "op": op,
                "attributes": attributes,
                "inputs": list(inputs),
                "outputs": list(outputs),
                "gradients": list(wanted),
            }
        )


def write(out: Path) -> None:
    for name, seed, parts in (
        (
            "ops",
            11,
            (_rms_norm, _rotary, _attention, _gated_mlp, _experts, _routers, _cross_entropy, _load_balancing),
        ),
        ("ops-rotary", 12, (_rotary_interleaved,)),
    ):
        recorder = Recorder(seed)
        for add in parts:
            add(recorder)
        write_tensors(out / f"{name}.safetensors", recorder.tensors)
        write_json(out / f"{name}.json", {"cases": recorder.cases}, indent=None)


def _rms_norm(r: Recorder) -> None:
    for name, shape, eps, scale in (
        ("hidden", (2, 3, 16), 1e-5, 2.0),
        ("heads", (2, 3, 4, 8), 1e-6, 1.0),
        ("large-eps", (5, 16), 0.5, 0.3),
    ):
        inputs = {"x": r.normal(*shape, scale=scale), "w": 1 + r.normal(shape[-1], scale=0.3)}

        def run(t: Tensors, eps=eps) -> Tensors:
            module = mixtral.MixtralRMSNorm(t["w"].shape[0], eps)
            return {"y": torch.func.functional_call(module, {"weight": t["w"]}, (t["x"],))}

        r.record("rms_norm", name, {"eps": eps}, inputs, run)


def _rotary(r: Recorder) -> None:
    for name, heads, kv_heads, head_dim in (("grouped", 4, 2, 8), ("single-kv", 3, 1, 12)):
        angles = r.normal(2, 5, head_dim // 2, scale=2.0).repeat(1, 1, 2)
        inputs = {
            "q": r.normal(2, heads, 5, head_dim),
            "k": r.normal(2, kv_heads, 5, head_dim),
            "cos": 1.1 * angles.cos(),
            "sin": 1.1 * angles.sin(),
        }

        def run(t: Tensors) -> Tensors:
            q, k = mixtral.apply_rotary_pos_emb(t["q"], t["k"], t["cos"], t["sin"])
            return {"q": q, "k": k}

        r.record("rotary", name, {}, inputs, run, constant=("cos", "sin"))


def _rotary_interleaved(r: Recorder) -> None:
    """Pairs of neighbours: GLM-4 as it is, and DeepSeek-V3, whose rotated heads keep another order, as scores."""
    for name, heads, kv_heads, head_dim, rotated in (
        ("whole", 4, 2, 8, 8),
        ("partial", 3, 1, 12, 6),
        ("partial-odd-rest", 2, 2, 7, 4),
    ):
        inputs = _rotary_inputs(r, heads, kv_heads, head_dim, rotated)

        def run(t: Tensors) -> Tensors:
            q, k = glm4.apply_rotary_pos_emb(t["q"], t["k"], t["cos"], t["sin"])
            return {"q": q, "k": k}

        r.record("rotary_interleaved", name, {}, inputs, run, constant=("cos", "sin"))
    inputs = _rotary_inputs(r, 4, 1, 8, 8)

    def scores(t: Tensors) -> Tensors:
        q, k = deepseek_v3.apply_rotary_pos_emb_interleave(t["q"], t["k"], t["cos"], t["sin"])
        return {"scores": q @ k.transpose(2, 3)}

    r.record("rotary_scores", "deepseek-v3", {}, inputs, scores, constant=("cos", "sin"))


def _rotary_inputs(r: Recorder, heads: int, kv_heads: int, head_dim: int, rotated: int) -> Tensors:
    angles = r.normal(2, 5, rotated // 2, scale=2.0).repeat(1, 1, 2)
    return {
        "q": r.normal(2, heads, 5, head_dim),
        "k": r.normal(2, kv_heads, 5, head_dim),
        "cos": 1.1 * angles.cos(),
        "sin": 1.1 * angles.sin(),
    }


# name, heads, kv heads, head dim, queries, keys, offset of the first query, window, real keys per row, padding side
ATTENTION = [
    ("causal", 4, 4, 8, 6, 6, 0, None, None, None),
    ("grouped", 6, 2, 8, 5, 5, 0, None, None, None),
    ("single-kv", 3, 1, 12, 5, 5, 0, None, None, None),
    ("decode", 4, 2, 8, 1, 9, 8, None, None, None),
    ("chunk", 4, 2, 8, 3, 8, 5, None, None, None),
    ("window", 4, 2, 8, 9, 9, 0, 4, None, None),
    ("window-1", 2, 2, 8, 4, 4, 0, 1, None, None),
    ("window-chunk", 4, 2, 8, 3, 10, 7, 4, None, None),
    ("right-padded", 4, 2, 8, 6, 6, 0, None, (6, 4), "right"),
    ("left-padded", 4, 2, 8, 6, 6, 0, None, (6, 3), "left"),
    ("left-padded-window-chunk", 4, 2, 8, 3, 9, 6, 4, (9, 5), "left"),
]


def _attention(r: Recorder) -> None:
    """Query i sits in slot offset + i, key j in slot j; visible iff slot - window < j <= slot and j is real."""
    for name, heads, kv_heads, head_dim, queries, keys, offset, window, real, side in ATTENTION:
        inputs = {
            "q": r.normal(2, heads, queries, head_dim, scale=1.5),
            "k": r.normal(2, kv_heads, keys, head_dim, scale=1.5),
            "v": r.normal(2, kv_heads, keys, head_dim),
        }
        slot, key = torch.arange(queries)[:, None] + offset, torch.arange(keys)[None]
        visible = (key <= slot) & (key > slot - (window or keys + 1))
        visible = visible[None].repeat(2, 1, 1)
        if real:
            counts = torch.tensor(real)[:, None]
            padding = key >= keys - counts if side == "left" else key < counts
            inputs["key_mask"] = padding.to(torch.int64)
            visible = visible & padding[:, None]
        # The reference adds the most negative float: a query that sees nothing attends to all keys evenly. Nobody reads
        # such a row, so no gradient comes from it.
        mask = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo(torch.float32).min)[:, None]
        blind = ~visible.any(-1)

        def run(t: Tensors, mask=mask, groups=heads // kv_heads, scaling=head_dim**-0.5) -> Tensors:
            module = SimpleNamespace(num_key_value_groups=groups, training=False)
            y, weights = mixtral.eager_attention_forward(module, t["q"], t["k"], t["v"], mask, scaling)
            # [B, L, H, D] in the reference.
            return {"y": y.transpose(1, 2)}

        attributes = {"scale": head_dim**-0.5, "offset": offset, "window": window, "blindRows": bool(blind.any())}
        r.record("attention", name, attributes, inputs, run, dead=blind[:, None, :, None])


def _gated_mlp(r: Recorder) -> None:
    for activation in ("silu", "gelu", "gelu_pytorch_tanh"):
        config = Qwen3MoeConfig(hidden_size=12, intermediate_size=20, hidden_act=activation)
        module = qwen3_moe.Qwen3MoeMLP(config)
        inputs = {
            "x": r.normal(2, 3, 12),
            "gate": r.normal(20, 12, scale=0.5),
            "up": r.normal(20, 12, scale=0.5),
            "down": r.normal(12, 20, scale=0.5),
        }

        def run(t: Tensors, module=module) -> Tensors:
            weights = {f"{name}_proj.weight": t[name] for name in ("gate", "up", "down")}
            return {"y": torch.func.functional_call(module, weights, (t["x"],))}

        r.record("gated_mlp", activation, {"activation": activation}, inputs, run)


def _experts(r: Recorder) -> None:
    hidden, inner = 10, 6
    for name, experts, tokens, k in (("top-2", 5, 7, 2), ("top-1", 4, 6, 1), ("all", 3, 4, 3), ("one-token", 6, 1, 2)):
        order = torch.rand((tokens, experts), generator=r.generator).argsort(-1)
        if name == "top-2":
            # The last expert is not asked at all.
            order = order[order != experts - 1].view(tokens, experts - 1)
        inputs = {
            "x": r.normal(tokens, hidden),
            "indices": order[:, :k].contiguous(),
            "weights": torch.rand((tokens, k), generator=r.generator) + 0.2,
            "gate": r.normal(experts, inner, hidden, scale=0.5),
            "up": r.normal(experts, inner, hidden, scale=0.5),
            "down": r.normal(experts, hidden, inner, scale=0.5),
        }
        config = MixtralConfig(hidden_size=hidden, intermediate_size=inner, num_local_experts=experts)
        config._experts_implementation = "eager"
        module = mixtral.MixtralExperts(config)

        def run(t: Tensors, module=module) -> Tensors:
            weights = {"gate_up_proj": torch.cat([t["gate"], t["up"]], 1), "down_proj": t["down"]}
            arguments = (t["x"], t["indices"], t["weights"])
            return {"y": torch.func.functional_call(module, weights, arguments)}

        r.record("experts", name, {"activation": "silu"}, inputs, run)


def _routers(r: Recorder) -> None:
    """Chosen experts come in falling order of what is ranked."""
    tokens, hidden, experts, k = 6, 10, 7, 3
    common = dict(hidden_size=hidden, num_experts_per_tok=k)
    plain = {"x": r.normal(tokens, hidden), "w": r.normal(experts, hidden, scale=0.5)}
    moe = {**common, "num_experts": experts}
    for name, module, attributes in (
        ("mixtral", mixtral.MixtralTopKRouter(MixtralConfig(num_local_experts=experts, **common)), {}),
        ("qwen3-moe", qwen3_moe.Qwen3MoeTopKRouter(Qwen3MoeConfig(norm_topk_prob=False, **moe)), {}),
        ("qwen3-moe-norm", qwen3_moe.Qwen3MoeTopKRouter(Qwen3MoeConfig(norm_topk_prob=True, **moe)), {}),
    ):

        def run(t: Tensors, module=module) -> Tensors:
            logits, weights, indices = torch.func.functional_call(module, {"weight": t["w"]}, (t["x"],))
            _check_ranks(logits.softmax(-1), k)
            return {"logits": logits, "weights": weights, "indices": indices}

        r.record("router", name, {"topK": k, **attributes}, plain, run)

    module = afmoe.AfmoeTokenChoiceRouter(AfmoeConfig(route_scale=2.826, **moe))

    def run_afmoe(t: Tensors) -> Tensors:
        arguments = (t["x"][None], t["bias"])
        logits, weights, indices = torch.func.functional_call(module, {"gate.weight": t["w"]}, arguments)
        _check_ranks(logits.sigmoid() + t["bias"], k)
        return {"logits": logits, "weights": weights, "indices": indices}

    inputs = {**plain, "bias": r.normal(experts, scale=0.3)}
    r.record("router", "afmoe", {"topK": k, "routeScale": 2.826}, inputs, run_afmoe, constant=("bias",))


def _check_ranks(ranked: torch.Tensor, k: int) -> None:
    top = ranked.topk(k + 1, -1).values
    if (top[:, :-1] - top[:, 1:]).min() < 1e-3:
        raise AssertionError("a router case rests on a tie")


def _cross_entropy(r: Recorder) -> None:
    logits = r.normal(2, 6, 11, scale=2.0)
    labels = r.integers(11, 2, 6)
    labels[0, 2] = labels[1, :2] = labels[1, 5] = -100
    for name, items in (("mean", None), ("num-items", 13)):

        def run(t: Tensors, items=items) -> Tensors:
            extra = {} if items is None else {"num_items_in_batch": items}
            return {"loss": ForCausalLMLoss(t["logits"], t["labels"], 11, **extra)}

        attributes = {"ignoreIndex": -100, "shift": True, "numItemsInBatch": items}
        r.record("cross_entropy", name, attributes, {"logits": logits, "labels": labels}, run)


def _load_balancing(r: Recorder) -> None:
    experts, k = 5, 2
    inputs = {f"logits.{layer}": r.normal(8, experts, scale=1.5) for layer in range(3)}
    mask = torch.tensor([[0, 1, 1, 1], [1, 1, 1, 0]])

    def run(t: Tensors) -> Tensors:
        layers = tuple(t[f"logits.{layer}"] for layer in range(3))
        for layer in layers:
            _check_ranks(layer.detach().softmax(-1), k)
        return {"loss": mixtral.load_balancing_loss_func(layers, experts, k, t.get("attention_mask"))}

    attributes = {"numExperts": experts, "topK": k}
    r.record("load_balancing", "plain", attributes, inputs, run)
    r.record("load_balancing", "masked", attributes, {**inputs, "attention_mask": mask}, run)
