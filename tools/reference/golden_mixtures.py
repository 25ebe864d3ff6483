"""adapters/: LoRAMoE, MoLA, MixLoRA and its variants, by their published formulas, on the tiny models.

No library has them for models whose layers are mixtures already, so they are written down here, one row at a time, to be
read rather than fast. Names and configuration keys are those of MoE-PEFT 2.0.2; a routed expert's linear maps are its own,
`mlp.experts.3.gate_proj`, and the experts of a mixture of a routed layer's feed-forward are those of all its experts.

- LoRAMoE (Dou et al. 2023): y = Wx + sum_e w_e LoRA_e(x), w = softmax(Gx).
- MoLA (Gao et al. 2024): the same for the k largest w, made to sum to 1.
- MixLoRA (Li et al. 2024): y = sum_e w_e FFN_e(x), FFN_e the frozen feed-forward with LoRA_e on gate, up and down, w as in MoLA.
- MixLoRA-dynamic: w = softmax(Gx) of the largest experts up to and with the one by which their sum exceeds top_p.
- MixLoRA-switch (Fedus et al. 2021): the largest w alone, for the first `capacity` tokens of a sequence that chose the expert.
  Padding takes no place: a sequence is the same whatever it shares a batch with. MoE-PEFT counts padding.
- Auxiliary loss: E sum_e f_e P_e over all routers and tokens; switch adds the mean of logsumexp(Gx)^2.
"""

import json
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from golden_io import write_json, write_tensors
from golden_peft import PeftCase, inputs_of, load_base

MARGIN = 2e-4


class Rejected(Exception):
    """The seed gives a choice that is too close to a tie."""


@dataclass
class Mixture:
    """The values of an adapter and what its routers said."""

    config: dict
    tensors: dict[str, torch.Tensor]
    generator: torch.Generator
    routings: list
    margins: list
    mask: list
    """For each token of the batch, 0 where it is padding."""

    @property
    def scale(self):
        return self.config["lora_alpha"] / self.config["r"]

    def parameter(self, name, shape, std):
        if name not in self.tensors:
            self.tensors[name] = nn.Parameter(std * torch.randn(shape, generator=self.generator))
        return self.tensors[name]

    def lora(self, name, x, out):
        a = self.parameter(f"{name}.lora_A.weight", (self.config["r"], x.shape[-1]), 0.25)
        b = self.parameter(f"{name}.lora_B.weight", (out, self.config["r"]), 0.25)
        return self.scale * (b @ (a @ x))

    def gate(self, name, x):
        return self.parameter(f"{name}.moe_gate.weight", (self.config["num_experts"], x.shape[-1]), 0.4) @ x

    def targets(self, name):
        return any(name.endswith(f".{target}") for target in self.config["target_modules"])

    def weights(self, logits):
        """How much each expert counts for a row, by the method."""
        strategy, p = self.config["routing_strategy"], torch.softmax(logits, -1)
        if strategy == "loramoe":
            return p
        values, order = p.sort(descending=True)
        if strategy == "mixlora-dynamic":
            before = values.cumsum(0) - values
            self.margins += (before - self.config["top_p"]).abs().tolist()
            kept = before <= self.config["top_p"]
            chosen = torch.zeros_like(p).scatter(0, order, kept.float())
            return p * chosen
        k = 1 if strategy == "mixlora-switch" else self.config["top_k"]
        self.margins.append((values[k - 1] - values[k]).item())
        chosen = torch.zeros_like(p).scatter(0, order[:k], 1.0)
        return p * chosen if k == 1 and strategy == "mixlora-switch" else p * chosen / (p * chosen).sum()


class Linear(nn.Module):
    """A linear map with an adapter: `weight` [out, in]."""

    def __init__(self, mixture, name, weight):
        super().__init__()
        self.mixture, self.name, self.weight_ = mixture, name, weight
        # All of its parameters, those of experts that no token meets too.
        self.row(torch.zeros(weight.shape[1]), None)
        if self.mixes_whole():
            for expert in range(mixture.config["num_experts"]):
                self.row(torch.zeros(weight.shape[1]), None, expert)

    def mixes_whole(self):
        """Whether a feed-forward's router chooses its updates."""
        return ".mlp." in self.name and "router" not in self.name and self.mixture.config["routing_strategy"].startswith("mixlora")

    def row(self, x, token, expert=None):
        m, out = self.mixture, self.weight_.shape[0]
        y = self.weight_ @ x
        if not m.targets(self.name):
            return y
        strategy = m.config["routing_strategy"]
        if strategy == "mola" or (strategy == "loramoe" and ".mlp." in self.name and "router" not in self.name):
            logits = m.gate(self.name, x)
            if token is not None:
                m.routings.append((token, logits))
            w = m.weights(logits)
            return y + sum(w[e] * m.lora(f"{self.name}.experts.{e}", x, out) for e in range(len(w)))
        if expert is not None:
            return y + m.lora(f"{self.name}.experts.{expert}", x, out)
        if self.mixes_whole():
            return y
        return y + m.lora(self.name, x, out)

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        y = torch.stack([self.row(row, token) for token, row in enumerate(rows)])
        return y.reshape(*x.shape[:-1], -1)


class FeedForward(nn.Module):
    """A gated feed-forward with an adapter; `name` is that of its own linear maps, `router` that of its mixture's router."""

    def __init__(self, mixture, name, gate, up, down, act):
        super().__init__()
        self.mixture, self.act = mixture, act
        self.maps = [Linear(mixture, f"{name}.{part}_proj", w) for part, w in (("gate", gate), ("up", up), ("down", down))]

    def row(self, x, token, expert=None):
        gate, up, down = self.maps
        return down.row(self.act(gate.row(x, token, expert)) * up.row(x, token, expert), token, expert)


def ways_of(mixture, name, rows, length):
    """For each token, the experts that it goes by and what they count; None where feed-forwards have no mixture."""
    if not mixture.config["routing_strategy"].startswith("mixlora"):
        return None
    taken: dict = {}
    ways = []
    for token, x in enumerate(rows):
        logits = mixture.gate(name, x)
        mixture.routings.append((token, logits))
        w = mixture.weights(logits)
        own = {}
        for e in range(len(w)):
            if w[e] == 0:
                continue
            place = (token // length, e)
            taken[place] = taken.get(place, 0) + mixture.mask[token]
            fits = mixture.mask[token] == 0 or taken[place] <= mixture.config.get("expert_capacity", 0)
            if mixture.config["routing_strategy"] != "mixlora-switch" or fits:
                own[e] = w[e]
        ways.append(own)
    return ways


class Mlp(nn.Module):
    """In place of a dense feed-forward."""

    def __init__(self, mixture, name, mlp, length):
        super().__init__()
        self.mixture, self.name, self.length = mixture, name, length
        weights = [part.weight for part in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)]
        self.feed_forward = FeedForward(mixture, name, *weights, mlp.act_fn)

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        ways = ways_of(self.mixture, self.name, rows, self.length)
        run = self.feed_forward.row
        outputs = []
        for token, row in enumerate(rows):
            if ways is None:
                outputs.append(run(row, token))
            else:
                outputs.append(sum((w * run(row, token, e) for e, w in ways[token].items()), torch.zeros_like(row)))
        return torch.stack(outputs).reshape(x.shape)


class Experts(nn.Module):
    """In place of routed experts."""

    def __init__(self, mixture, name, experts, length):
        super().__init__()
        self.mixture, self.name, self.length = mixture, name, length
        self.experts = []
        for j in range(experts.gate_up_proj.shape[0]):
            gate, up = experts.gate_up_proj[j].chunk(2)
            self.experts.append(FeedForward(mixture, f"{name}.{j}", gate, up, experts.down_proj[j], experts.act_fn))

    def forward(self, x, indices, weights):
        ways = ways_of(self.mixture, self.name, x, self.length)
        outputs = []
        for token, row in enumerate(x):
            y = torch.zeros_like(row)
            for j, weight in zip(indices[token], weights[token]):
                run = self.experts[j].row
                if ways is None:
                    y = y + weight * run(row, token)
                else:
                    y = y + weight * sum((w * run(row, token, e) for e, w in ways[token].items()), torch.zeros_like(row))
            outputs.append(y)
        return torch.stack(outputs)


def router_loss(mixture):
    c, e = mixture.config, mixture.config["num_experts"]
    real = [(logits, mixture.weights(logits)) for token, logits in mixture.routings if mixture.mask[token]]
    chosen = torch.stack([(w > 0).float() for _, w in real]).mean(0)
    probability = torch.stack([torch.softmax(logits, -1) for logits, _ in real]).mean(0)
    loss = c["router_aux_loss_coef"] * e * (chosen * probability).sum()
    if c["routing_strategy"] == "mixlora-switch":
        loss = loss + c["router_z_loss_coef"] * torch.stack([torch.logsumexp(logits, -1) ** 2 for logits, _ in real]).mean()
    return loss


def adapted(case, mixture, length):
    """The model with its linear maps replaced."""
    model = load_base(case)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    prefix = {"loramoe": "loramoe", "mola": "mola"}.get(mixture.config["routing_strategy"], "mixlora")
    name_of = lambda name: name.replace("model.", f"{prefix}.", 1)
    for name, module in list(model.named_modules()):
        parent, _, field = name.rpartition(".")
        kind = type(module).__name__
        if name == "lm_head" or "layers" not in name:
            continue
        if kind.endswith("Experts"):
            setattr(model.get_submodule(parent), field, Experts(mixture, name_of(name), module, length))
        elif kind.endswith("MLP"):
            setattr(model.get_submodule(parent), field, Mlp(mixture, name_of(name), module, length))
        elif isinstance(module, nn.Linear) and (".self_attn." in name or name.endswith("router.gate")):
            setattr(model.get_submodule(parent), field, Linear(mixture, name_of(name), module.weight))
    return model


DEFAULTS = dict(bias="none", r=2, lora_alpha=3, lora_dropout=0.0, router_aux_loss_coef=0.02, router_loss=True)
EVERY = ["gate_proj", "up_proj", "down_proj"]
MIXTURE_CASES = [
    PeftCase(
        "mixtral/basic",
        "loramoe",
        dict(peft_type="LORAMOE", routing_strategy="loramoe", num_experts=3, target_modules=["q_proj", *EVERY], router_loss=False),
    ),
    PeftCase(
        "afmoe/basic",
        "mola",
        dict(peft_type="MOLA", routing_strategy="mola", num_experts=4, top_k=2, target_modules=["v_proj", "router.gate", "down_proj"]),
    ),
    PeftCase(
        "afmoe/basic",
        "mixlora",
        dict(peft_type="MIXLORA", routing_strategy="mixlora", num_experts=3, top_k=2, target_modules=["o_proj", *EVERY]),
    ),
    PeftCase(
        "qwen3-moe/right-padded",
        "mixlora-dynamic",
        dict(peft_type="MIXLORA", routing_strategy="mixlora-dynamic", num_experts=4, top_p=0.6, target_modules=EVERY),
    ),
    PeftCase(
        "mixtral/right-padded",
        "mixlora-switch",
        dict(
            peft_type="MIXLORA",
            routing_strategy="mixlora-switch",
            num_experts=3,
            expert_capacity=3,
            jitter_noise=0.0,
            router_z_loss_coef=0.03,
            target_modules=["k_proj", *EVERY],
        ),
    ),
    PeftCase(
        "qwen3-moe/left-padded",
        "mixlora-switch",
        dict(
            peft_type="MIXLORA",
            routing_strategy="mixlora-switch",
            num_experts=3,
            expert_capacity=2,
            jitter_noise=0.0,
            router_z_loss_coef=0.03,
            target_modules=EVERY,
        ),
    ),
]


def run(case, seed):
    config = {**DEFAULTS, **case.config}
    inputs = inputs_of(case)
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).flatten().tolist()
    mixture = Mixture(config, {}, torch.Generator().manual_seed(seed), [], [], mask)
    model = adapted(case, mixture, inputs["input_ids"].shape[1])
    mixture.margins.clear()  # those of the zeros that parameters were made with
    result = model(**inputs, use_cache=False)
    loss, own = result.loss, None
    if config["router_loss"]:
        own = router_loss(mixture)
        loss = loss + own
    if mixture.margins and min(mixture.margins) < MARGIN:
        raise Rejected(f"{case.name}: an expert was chosen by {min(mixture.margins):.1e}")
    loss.backward()
    names = sorted(mixture.tensors)
    tensors = {"logits": result.logits, "loss": loss, "lm_loss": result.loss}
    if own is not None:
        tensors["router_loss"] = own
    for name in names:
        gradient = mixture.tensors[name].grad
        tensors[f"grad.{name}"] = torch.zeros_like(mixture.tensors[name]) if gradient is None else gradient
    base = load_base(case)(**inputs, use_cache=False)
    moved = (base.logits - result.logits).abs().max().item()
    if moved < 0.1:
        raise AssertionError(f"{case.name} moves the logits by {moved}")
    return config, {name: mixture.tensors[name] for name in names}, tensors, moved


def write_case(case, out):
    seed = 0
    while True:
        try:
            config, adapter, tensors, moved = run(case, seed)
            break
        except Rejected:
            seed += 1
    folder = out / "adapters" / case.model.split("/")[0] / case.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_tensors(folder / "adapter_model.safetensors", adapter)
    write_tensors(folder / "golden.safetensors", tensors)
    for file in folder.iterdir():
        file.chmod(0o644)
    write_json(folder / "case.json", {"model": case.model, "seed": seed}, indent=None)
    return f"{case.model} {case.name}: {len(adapter)} tensors, logits move by {moved:.2f}, seed {seed}"


def write(out):
    for case in MIXTURE_CASES:
        print(write_case(case, out), flush=True)
