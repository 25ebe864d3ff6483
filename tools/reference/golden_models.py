"""Model goldens: a tiny checkpoint, inputs, and what transformers makes of them (eager, float32)."""

import copy
import shutil
import tempfile
from pathlib import Path

import safetensors
import torch
import transformers

import golden_checkpoint
import golden_training
import golden_weights
from golden_case import Case
from golden_io import rounded, write_json, write_tensors
from golden_margins import captured_router_logits, clamp_margins, nudge, routing_margins

MODELS = {
    "mixtral": (transformers.MixtralConfig, transformers.MixtralForCausalLM),
    "qwen3-moe": (transformers.Qwen3MoeConfig, transformers.Qwen3MoeForCausalLM),
    "afmoe": (transformers.AfmoeConfig, transformers.AfmoeForCausalLM),
    "olmoe": (transformers.OlmoeConfig, transformers.OlmoeForCausalLM),
    "qwen2-moe": (transformers.Qwen2MoeConfig, transformers.Qwen2MoeForCausalLM),
    "deepseek-v3": (transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM),
    "gpt-oss": (transformers.GptOssConfig, transformers.GptOssForCausalLM),
    "qwen3-next": (transformers.Qwen3NextConfig, transformers.Qwen3NextForCausalLM),
}
# Those that have goldens of padding and loss curves too.
TRAINED = ("mixtral", "qwen3-moe", "afmoe")


def classes_of(family: str) -> tuple[type, type]:
    """The configuration and the causal language model of a family, or of any `model_type` that transformers knows."""
    if family in MODELS:
        return MODELS[family]
    config_class = transformers.CONFIG_MAPPING[family]
    return config_class, transformers.MODEL_FOR_CAUSAL_LM_MAPPING[config_class]


EAGER = dict(attn_implementation="eager", experts_implementation="eager")
NEW_TOKENS = 64
# An agreement of 1e-4 must never turn on a tie: the last expert in and the first one out differ by this much in what
# is ranked, the best and second logit by that much.
ROUTING_MARGIN = 1e-4
GREEDY_MARGIN = 1e-3
# A mask that is not the same moves logits by far more than the rounding of products in another order.
CACHE_ROUNDING = 5e-5
# A gradient must not turn on the rounding of a value at a bound.
CLAMP_MARGIN = 2e-5
# The same along a whole loss curve, which has thousands of choices.
CURVE_MARGIN = 5e-6
# How far the last bits of the weights may move a gradient, relative to its length: well below the tolerance.
GRADIENT_ROUNDING = 4e-5
# What has to matter moves some logit by at least this.
SENSITIVITY = 1e-2
# A greedy run that falls into a short loop tests little.
DISTINCT_TOKENS = 16
TOLERANCES = {"logits": 1e-4, "hidden_states": 1e-4, "router_logits": 1e-4, "attentions": 1e-4, "loss": 1e-5}
# RoPE types whose frequencies depend on the length: a cached run differs from a full forward pass, as in the reference.
LENGTH_DEPENDENT = {"dynamic", "longrope"}


class Rejected(Exception):
    """The weights of this seed come too close to a tie, or generate too dull a text."""


def write_case(case: Case, out: Path) -> str:
    """Write everything of `case` under `out`; returns a line for the log."""
    for seed in range(400):
        try:
            return _write_with_seed(case, seed, out)
        except Rejected as reason:
            rejected = reason
    raise RuntimeError(f"{case.directory}: no seed will do, the last was rejected because {rejected}")


def _write_with_seed(case: Case, seed: int, out: Path) -> str:
    config_class, model_class = classes_of(case.family)
    config = config_class(**copy.deepcopy(case.config))
    source = model_class._from_config(config, dtype=torch.float32, **EAGER).eval()
    golden_weights.fill(source, seed, case.weights)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source.save_pretrained(folder)
        if case.dtype != "float32":
            # Through the reference's own loader: it decides which tensors stay in float32.
            model_class.from_pretrained(folder, dtype=getattr(torch, case.dtype)).save_pretrained(folder)

        golden_checkpoint.check_names(case.family, folder)
        golden_checkpoint.add_tensors(folder, case.extra_tensors)

        def load(**overrides):
            # A fresh model each time: dynamic RoPE keeps state from one forward pass to the next.
            if overrides:
                changed = config_class(**copy.deepcopy({**case.config, **overrides}))
            else:
                changed = config_class.from_pretrained(folder)
            return model_class.from_pretrained(folder, config=changed, dtype=torch.float32, **EAGER).eval()

        inputs = _inputs(case, seed)
        outputs, report = _forward(case, load, inputs)
        greedy = None
        if case.greedy:
            greedy, report["greedyRouting"], report["greedyLogits"] = _greedy(case, load, seed)
        sensitivity = _sensitivity(case, load, inputs, outputs["logits"])
        # Of the loss with the auxiliary loss in it.
        gradients = golden_training.gradients(load(), inputs, output_router_logits=True)
        report |= _rounding(case, load, inputs, outputs, gradients)

        target = out / case.directory
        shutil.copytree(folder, target)
        write_tensors(target / "golden.safetensors", {**inputs, **outputs})
        write_tensors(target / "gradients.safetensors", gradients)
        if greedy:
            write_json(target / "greedy.json", greedy, indent=None)
        write_json(
            target / "case.json",
            {
                "purpose": case.purpose,
                "family": case.family,
                "seed": seed,
                "weights": case.dtype,
                "expertLayers": _expert_layers(case, load()),
                "tolerances": TOLERANCES,
                "margins": {name: rounded(value) for name, value in report.items()},
                "sensitivity": {name: rounded(value) for name, value in sensitivity.items()},
                "versions": {
                    "transformers": transformers.__version__,
                    "torch": torch.__version__.split("+")[0],
                    "safetensors": safetensors.__version__,
                },
            },
        )
        if "fused" in case.spellings:
            golden_checkpoint.write_fused(load(), folder, out / f"{case.directory}-fused")
        if "sharded" in case.spellings:
            golden_checkpoint.write_sharded(load(), out / f"{case.directory}-sharded")
    logits = outputs["logits"]
    return f"{case.directory}: seed {seed}, logits std {logits.std():.2f}, margins " + ", ".join(
        f"{name} {value:.1e}" for name, value in report.items()
    )


def write_curves(out: Path, fixtures: Path) -> None:
    """The loss curves of the `basic` case of each family, from the checkpoints in `fixtures`."""
    for family in TRAINED:
        model_class = MODELS[family][1]
        for seed in range(50):
            model = model_class.from_pretrained(fixtures / "models" / family / "basic", dtype=torch.float32, **EAGER)
            golden, margin = golden_training.curve(model.eval(), seed)
            if margin > CURVE_MARGIN:
                break
        else:
            raise RuntimeError(f"{family}: no seed will do, the last has a margin of {margin:.1e}")
        print(f"{family}: seed {seed}, losses {golden['losses'][0]:.3f} to {golden['losses'][-1]:.3f}, {margin:.1e}")
        write_json(out / "curves" / f"{family}.json", golden, indent=None)


def _inputs(case: Case, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(10_000 + seed)
    width = max(case.lengths)
    vocab = case.config["vocab_size"]
    ids = torch.randint(0, vocab, (len(case.lengths), width), generator=generator)
    mask = _mask(case.lengths, width, case.pad)
    labels = ids.clone()
    # Some real tokens are ignored too, not the padding alone.
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = -100
    labels[mask == 0] = -100
    inputs = {"input_ids": ids, "labels": labels}
    if case.pad:
        inputs["attention_mask"] = mask
    if case.positions:
        inputs["position_ids"] = torch.tensor(case.positions)
    return inputs


def _mask(lengths: tuple[int, ...], width: int, side: str | None) -> torch.Tensor:
    if side is None and len(set(lengths)) > 1:
        raise ValueError("unequal rows need a padding side")
    slots = torch.arange(width)
    rows = [slots >= width - length if side == "left" else slots < length for length in lengths]
    return torch.stack(rows).to(torch.int64)


def _expert_layers(case: Case, model) -> list[int]:
    """The layers that `router_logits.N` counts."""
    layers = [index for index, layer in enumerate(model.model.layers) if hasattr(layer.mlp, "experts")]
    if case.expert_layers is not None and tuple(layers) != case.expert_layers:
        raise AssertionError(f"{case.directory}: experts in layers {layers}")
    return layers


def _forward(case: Case, load, inputs) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    model = load()
    with torch.no_grad(), routing_margins(model) as margins, clamp_margins(model) as clamps, captured_router_logits(model) as captured:
        result = model(
            **inputs,
            use_cache=False,
            output_hidden_states=True,
            output_router_logits=True,
            output_attentions=case.attentions,
        )
    with torch.no_grad():
        lm_loss = model(**inputs, use_cache=False, output_router_logits=False).loss
        cached = load()(**inputs, use_cache=True).logits
    # The reference masks otherwise without a cache where it takes jumps in the positions for packed sequences.
    if (cached - result.logits).abs().max() > CACHE_ROUNDING:
        raise AssertionError(f"{case.directory}: the forward pass depends on use_cache")
    outputs = {"logits": result.logits, "loss": result.loss, "lm_loss": lm_loss}
    if getattr(result, "aux_loss", None) is not None:
        outputs["aux_loss"] = result.aux_loss
    layers = model.config.num_hidden_layers
    if len(result.hidden_states) != layers + 1:
        raise AssertionError(f"{len(result.hidden_states)} hidden states for {layers} layers")
    router_logits = getattr(result, "router_logits", None) or captured
    tuples = {"hidden_states": result.hidden_states, "router_logits": router_logits, "attentions": result.attentions}
    for name, tensors in tuples.items():
        for index, tensor in enumerate(tensors or ()):
            outputs[f"{name}.{index}"] = tensor
    for name, tensor in outputs.items():
        if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
            raise AssertionError(f"{case.directory}: {name} is {tensor.dtype}, or not finite")
    if len(router_logits) != len(_expert_layers(case, model)):
        raise AssertionError(f"{case.directory}: {len(router_logits)} router logits")
    if min(margins) <= ROUTING_MARGIN:
        raise Rejected(f"an expert was chosen by {min(margins):.1e}")
    report = {"routing": min(margins)}
    if clamps:
        report["clamp"] = min(clamps)
        if report["clamp"] <= CLAMP_MARGIN:
            raise Rejected(f"a value is {report['clamp']:.1e} from a bound")
    return outputs, report


def _greedy(case: Case, load, seed: int) -> tuple[dict, float, float]:
    generator = torch.Generator().manual_seed(20_000 + seed)
    width = max(case.greedy)
    prompts = torch.randint(0, case.config["vocab_size"], (len(case.greedy), width), generator=generator)
    mask = _mask(case.greedy, width, "left")
    prompts[mask == 0] = 0
    padded = len(set(case.greedy)) > 1
    model = load()
    with torch.no_grad(), routing_margins(model) as routing:
        result = model.generate(
            prompts,
            attention_mask=mask,
            do_sample=False,
            use_cache=True,
            max_new_tokens=NEW_TOKENS,
            output_logits=True,
            return_dict_in_generate=True,
        )
    ids = result.sequences[:, width:]
    best = torch.stack(result.logits, 1).topk(2, -1).values
    margin = (best[..., 0] - best[..., 1]).min().item()
    if ids.shape[1] != NEW_TOKENS:
        raise AssertionError(f"{case.directory}: {ids.shape[1]} new tokens")
    if margin <= GREEDY_MARGIN:
        raise Rejected(f"a token was chosen by {margin:.1e}")
    if min(routing) <= ROUTING_MARGIN:
        raise Rejected(f"an expert was chosen by {min(routing):.1e} while decoding")
    distinct = min(len(set(row.tolist())) for row in ids)
    if distinct < DISTINCT_TOKENS:
        raise Rejected(f"a row has only {distinct} distinct tokens")
    if load().config.rope_parameters["rope_type"] not in LENGTH_DEPENDENT:
        _assert_cache_is_exact(case, load(), prompts, mask, ids)
    greedy = {"prompt_ids": prompts.tolist()}
    if padded:
        greedy["attention_mask"] = mask.tolist()
    greedy["ids"] = ids.tolist()
    return greedy, min(routing), margin


def _assert_cache_is_exact(case: Case, model, prompts, mask, ids) -> None:
    """Each row, alone and without a cache, gives the same tokens as in the padded batch with one."""
    for prompt, real, row in zip(prompts, mask, ids):
        sequence = torch.cat([prompt[real == 1], row])[None]
        with torch.no_grad():
            logits = model(sequence, use_cache=False).logits[0, int(real.sum()) - 1 : -1]
        if not torch.equal(logits.argmax(-1), row):
            raise AssertionError(f"{case.directory}: the cached run is not the full forward pass")


def _sensitivity(case: Case, load, inputs, expected) -> dict[str, float]:
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).bool()
    arguments = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    moved = {}
    for name, overrides in case.matters.items():
        moved[name] = _largest_move(load(**overrides), arguments, expected, mask)
    for ending in case.matters_weights:
        model = load()
        hit = [tensor for name, tensor in model.state_dict().items() if name.endswith(ending)]
        if not hit:
            raise ValueError(f"{case.directory}: no parameter ends with {ending}")
        with torch.no_grad():
            for tensor in hit:
                tensor.fill_(1.0 if ending.endswith("norm.weight") else 0.0)
        moved[ending] = _largest_move(model, arguments, expected, mask)
    for name, (ending, attribute, value) in case.matters_modules.items():
        model = load()
        modules = [module for path, module in model.named_modules() if path.endswith(ending)]
        if not modules or not all(hasattr(module, attribute) for module in modules):
            raise ValueError(f"{case.directory}: no module ends with {ending} and has {attribute}")
        for module in modules:
            setattr(module, attribute, value)
        moved[name] = _largest_move(model, arguments, expected, mask)
    for name, overrides in case.indifferent.items():
        value = _largest_move(load(**overrides), arguments, expected, mask)
        if value != 0:
            raise AssertionError(f"{case.directory}: {name} moves the logits by {value:.1e}")
    for name, value in moved.items():
        if value < SENSITIVITY:
            raise Rejected(f"{name} moves the logits by {value:.1e} only")
    return moved


def _rounding(case: Case, load, inputs, outputs, gradients) -> dict[str, float]:
    """How far the last bits of the weights carry: into logits and hidden states, and into a gradient, relative to its length."""
    moved, turned = 0.0, 0.0
    for seed in range(2):
        with torch.no_grad():
            result = nudge(load(), seed)(**inputs, use_cache=False, output_hidden_states=True)
        found = {"logits": result.logits} | {f"hidden_states.{i}": tensor for i, tensor in enumerate(result.hidden_states)}
        moved = max(moved, *((tensor - outputs[name]).abs().max().item() for name, tensor in found.items()))
        other = golden_training.gradients(nudge(load(), seed), inputs, output_router_logits=True)
        lengths = {name: tensor.norm().item() for name, tensor in gradients.items()}
        turned = max(turned, *((other[name] - gradients[name]).norm().item() / size for name, size in lengths.items() if size))
    if moved > case.rounding or turned > GRADIENT_ROUNDING:
        raise Rejected(f"rounding moves a value by {moved:.1e}, a gradient by {turned:.1e}")
    return {"rounding": moved, "gradientRounding": turned}


def _largest_move(model, arguments, expected, mask) -> float:
    with torch.no_grad():
        logits = model(**arguments, use_cache=False).logits
    return (logits - expected)[mask].abs().max().item()
