"""adapters/: LoRA and DoRA of Hugging Face peft on the tiny models: what they compute, their gradients, and how they train."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from golden_io import numbers, write_json, write_tensors

MODELS = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__" / "models"
STEPS = 50
BATCHES = 5
# How far the losses of a run may move where its start moves by 1e-5.
STABLE = 3e-4
ADAMW = dict(lr=2e-3, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)


@dataclass(frozen=True)
class PeftCase:
    """An adapter on a tiny checkpoint."""

    model: str
    name: str
    config: dict
    # Whether it is also trained for STEPS steps.
    trains: bool = False
    # Modules that have to carry it, by the end of their names.
    carries: tuple[str, ...] = field(default_factory=tuple)
    # Whether the base's embeddings are others than the checkpoint's, and saved with the adapter.
    moves_embeddings: bool = False
    # Whether it can be made part of the model's weights.
    merges: bool = True


ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
PEFT_CASES = [
    PeftCase("mixtral/basic", "lora-attention", dict(r=4, lora_alpha=8, target_modules=ATTENTION)),
    PeftCase(
        "mixtral/right-padded",
        "rslora-all",
        dict(
            r=3,
            lora_alpha=5,
            use_rslora=True,
            target_modules=ATTENTION,
            target_parameters=[*EXPERTS, "mlp.gate.weight"],
            rank_pattern={"down_proj": 2},
            alpha_pattern={r"layers\.1\.self_attn\.q_proj": 9},
        ),
        carries=("mlp.gate", "mlp.experts"),
    ),
    PeftCase(
        "qwen3-moe/basic",
        "lora-experts",
        dict(r=2, lora_alpha=4, target_modules=["q_proj"], target_parameters=EXPERTS),
        trains=True,
        carries=("mlp.experts",),
    ),
    PeftCase("mixtral/basic", "dora-attention", dict(r=4, lora_alpha=8, use_dora=True, target_modules=ATTENTION), trains=True),
    PeftCase(
        "qwen3-moe/left-padded",
        "rsdora",
        dict(r=2, lora_alpha=3, use_dora=True, use_rslora=True, target_modules=r".*layers\.[01].*\.(q|o)_proj"),
    ),
    # peft takes `gate` for the router of other models, a bare parameter; it finds it all the same.
    PeftCase(
        "afmoe/basic",
        "lora-router-experts",
        dict(r=2, lora_alpha=3, target_modules=["k_proj", "mlp.router.gate"], target_parameters=EXPERTS),
        carries=("mlp.router.gate", "mlp.experts"),
    ),
    PeftCase(
        "mixtral/basic",
        "saved-modules",
        dict(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head", "norm", "gate"]),
        carries=("model.embed_tokens", "lm_head", "layers.1.input_layernorm", "model.norm", "mlp.gate"),
    ),
    PeftCase(
        "qwen3-moe/basic",
        "lora-embeddings",
        dict(r=2, lora_alpha=3, target_modules=["k_proj", "embed_tokens", "lm_head"]),
        carries=("model.embed_tokens", "lm_head"),
        moves_embeddings=True,
    ),
    PeftCase(
        "afmoe/basic",
        "dora-embeddings",
        dict(r=2, use_dora=True, target_modules=["o_proj", "embed_tokens", "lm_head"]),
        carries=("model.embed_tokens", "lm_head"),
        moves_embeddings=True,
    ),
    PeftCase(
        "mixtral/rope-linear",
        "tied-lora",
        dict(r=2, target_modules=["v_proj", "embed_tokens"]),
        carries=("model.embed_tokens",),
        moves_embeddings=True,
        merges=False,
    ),
    PeftCase(
        "mixtral/rope-linear",
        "tied-saved",
        dict(r=2, target_modules=["v_proj"], modules_to_save=["lm_head"], ensure_weight_tying=True),
        carries=("model.embed_tokens", "lm_head"),
    ),
    PeftCase(
        "afmoe/left-padded",
        "tied-head-apart",
        dict(r=2, target_modules=["v_proj"], modules_to_save=["lm_head"]),
        carries=("lm_head",),
        merges=False,
    ),
    PeftCase(
        "qwen3-moe/mlp-only-layers",
        "biases",
        dict(r=2, target_modules=["q_proj", "v_proj"], bias="all", lora_bias=True),
        carries=("self_attn.k_proj", "self_attn.q_proj.lora_B"),
        merges=False,
    ),
    PeftCase(
        "mixtral/basic",
        "tokens",
        dict(r=2, target_modules=["q_proj"], trainable_token_indices={"embed_tokens": [3, 5, 14], "lm_head": [7]}),
        carries=("model.embed_tokens.token_adapter", "lm_head.token_adapter"),
    ),
    PeftCase(
        "qwen3-moe/mlp-only-layers",
        "tied-tokens",
        dict(r=2, target_modules=["o_proj"], trainable_token_indices=[3, 14, 15, 92]),
        carries=("model.embed_tokens.token_adapter",),
    ),
    PeftCase(
        "mixtral/one-expert",
        "one-expert",
        dict(r=2, lora_alpha=3, target_modules=["q_proj"], target_parameters=EXPERTS),
        carries=("mlp.experts",),
    ),
]


def load_base(case: PeftCase):
    return AutoModelForCausalLM.from_pretrained(
        MODELS / case.model, attn_implementation="eager", experts_implementation="eager"
    )


def inputs_of(case: PeftCase) -> dict[str, torch.Tensor]:
    golden = load_file(MODELS / case.model / "golden.safetensors")
    return {name: golden[name] for name in ("input_ids", "labels", "attention_mask") if name in golden}


def with_values(case: PeftCase, seed: int):
    """The case's adapter, with values that matter in all of its parameters."""
    generator = torch.Generator().manual_seed(seed)
    model = get_peft_model(load_base(case), LoraConfig(**case.config, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_magnitude" in name:
                parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
            elif "lora_" in name:
                parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
            elif "modules_to_save" in name or "trainable_tokens_delta" in name or parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            elif case.moves_embeddings and name.endswith(("embed_tokens.base_layer.weight", "lm_head.base_layer.weight")):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def gradients(model) -> dict[str, torch.Tensor]:
    """The gradients under the names that parameters have in the adapter's file."""
    state = {
        name: parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        # Tied parameters have a name in each of their modules.
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.requires_grad
    }
    return get_peft_model_state_dict(model, state_dict=state, save_embedding_layers=False)


def train(case: "PeftCase", seed: int) -> tuple[list[list[list[int]]], list[float]]:
    """Batches, and the loss before each step: of the first batches by whose run rounding does not change what is learnt."""
    for number in range(100):
        batches, losses = train_on(with_values(case, seed).train(), number)
        model = with_values(case, seed).train()
        noise = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    parameter.mul_(1 + 1e-5 * torch.randn(parameter.shape, generator=noise))
        _, others = train_on(model, number)
        if max(abs(a - b) for a, b in zip(losses, others)) < STABLE:
            return batches, losses
    raise AssertionError(f"{case.name}: an expert is always chosen by too little")


def train_on(model, number: int) -> tuple[list[list[list[int]]], list[float]]:
    generator = torch.Generator().manual_seed(number)
    batches = torch.randint(0, 97, (BATCHES, 2, 8), generator=generator)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], **ADAMW)
    losses = []
    for step in range(STEPS):
        ids = batches[step % BATCHES]
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        losses.append(numbers(loss))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if not losses[-1] < 0.9 * losses[0]:
        raise AssertionError(f"the loss went from {losses[0]} to {losses[-1]}")
    return batches.tolist(), losses


def sort_targets(path: Path) -> None:
    """peft holds targets in sets, whose order differs from run to run."""
    config = json.loads(path.read_text())
    for key in ("target_modules", "target_parameters", "modules_to_save"):
        if isinstance(config[key], list):
            config[key].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True))


def write_case(case: PeftCase, out: Path, seed: int) -> str:
    folder = out / "adapters" / case.model.split("/")[0] / case.name
    model = with_values(case, seed).train()
    # No path of this machine.
    model.peft_config["default"].base_model_name_or_path = case.model
    model.save_pretrained(folder, save_embedding_layers=case.moves_embeddings)
    sort_targets(folder / "adapter_config.json")
    for file in folder.iterdir():
        file.chmod(0o644)
    (folder / "README.md").unlink()
    inputs = inputs_of(case)
    result = model(**inputs, use_cache=False)
    result.loss.backward()
    base = load_base(case)(**inputs, use_cache=False)
    moved = (base.logits - result.logits).abs().max().item()
    if moved < 0.1:
        raise AssertionError(f"{folder.name} moves the logits by {moved}")
    names = get_peft_model_state_dict(model, save_embedding_layers=case.moves_embeddings)
    missing = [part for part in case.carries if not any(f"{part}." in name for name in names)]
    if missing:
        raise AssertionError(f"{folder.name}: nothing at {missing} in {list(names)}")
    again = PeftModel.from_pretrained(load_base(case), folder)(**inputs, use_cache=False)
    if not torch.allclose(again.logits, result.logits, atol=1e-6):
        raise AssertionError(f"{folder.name}: peft does not load what it saved")
    tensors = {"logits": result.logits, "loss": result.loss}
    tensors |= {f"grad.{name}": tensor for name, tensor in gradients(model).items()}
    write_tensors(folder / "golden.safetensors", tensors)
    about = {"model": case.model} | ({} if case.merges else {"merges": False})
    if case.trains:
        batches, losses = train(case, seed)
        about |= {"adamw": ADAMW, "batches": batches, "losses": losses}
    write_json(folder / "case.json", about, indent=None)
    return f"{case.model} {case.name}: {len(names)} tensors, logits move by {moved:.2f}"


def write(out: Path) -> None:
    for seed, case in enumerate(PEFT_CASES):
        print(write_case(case, out, seed), flush=True)
