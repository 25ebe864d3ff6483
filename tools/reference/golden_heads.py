"""heads/: models with a head of classification, regression or question answering, and what transformers makes of them."""

import copy
import shutil
import tempfile
from pathlib import Path

import safetensors
import torch
import transformers
from transformers.modeling_layers import (
    GenericForQuestionAnswering,
    GenericForSequenceClassification,
    GenericForTokenClassification,
)
from transformers.models.afmoe.modeling_afmoe import AfmoePreTrainedModel

import golden_checkpoint
import golden_training
import golden_weights
from golden_cases_heads import CASES, PAD, HeadCase
from golden_io import rounded, write_json, write_tensors
from golden_margins import nudge, routing_margins
from golden_models import EAGER, MODELS, ROUTING_MARGIN, TOLERANCES, Rejected, _mask


# transformers has no heads for AFMoE: these are its generic ones on AfmoeModel.
class AfmoeForSequenceClassification(GenericForSequenceClassification, AfmoePreTrainedModel):
    pass


class AfmoeForTokenClassification(GenericForTokenClassification, AfmoePreTrainedModel):
    pass


class AfmoeForQuestionAnswering(GenericForQuestionAnswering, AfmoePreTrainedModel):
    pass


# How far the last bits of the weights may move an output.
ROUNDING = 6e-5
CLASSES = {"mixtral": "Mixtral", "qwen3-moe": "Qwen3Moe", "afmoe": "Afmoe"}


def write(out: Path) -> None:
    for case in CASES:
        print(_write_case(case, out / "heads"), flush=True)


def class_of(case: HeadCase) -> type:
    name = CLASSES[case.family] + case.head
    return globals().get(name) or getattr(transformers, name)


def _write_case(case: HeadCase, out: Path) -> str:
    for seed in range(100):
        try:
            return _write_with_seed(case, seed, out)
        except Rejected as reason:
            rejected = reason
    raise RuntimeError(f"{case.directory}: no seed will do, the last was rejected because {rejected}")


def _write_with_seed(case: HeadCase, seed: int, out: Path) -> str:
    model_class = class_of(case)
    config = MODELS[case.family][0](**copy.deepcopy(case.config))
    source = model_class._from_config(config, dtype=torch.float32, **EAGER).eval()
    golden_weights.fill(source, seed, {})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source.save_pretrained(folder)
        prefix = model_class.base_model_prefix
        golden_checkpoint.check_names(case.family, folder, prefix)

        def load():
            return model_class.from_pretrained(folder, dtype=torch.float32, **EAGER).eval()

        inputs = _inputs(case, seed)
        model = load()
        with torch.no_grad(), routing_margins(model) as margins:
            result = model(**inputs, output_hidden_states=True)
        if min(margins) <= ROUTING_MARGIN:
            raise Rejected(f"an expert was chosen by {min(margins):.1e}")
        outputs = {name: result[name] for name in ("loss", "logits", "start_logits", "end_logits") if name in result}
        outputs |= {f"hidden_states.{index}": tensor for index, tensor in enumerate(result.hidden_states)}
        for name, tensor in outputs.items():
            if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
                raise AssertionError(f"{case.directory}: {name} is {tensor.dtype}, or not finite")

        with torch.no_grad():
            nudged = nudge(load(), 0)(**inputs, output_hidden_states=True)
        if max((nudged[name] - outputs[name]).abs().max() for name in outputs if name in nudged) > ROUNDING:
            raise Rejected("rounding moves a value too far")

        target = out / case.directory
        shutil.copytree(folder, target)
        write_tensors(target / "golden.safetensors", {**inputs, **outputs})
        write_tensors(target / "gradients.safetensors", golden_training.gradients(load(), inputs))
        write_json(
            target / "case.json",
            {
                "purpose": case.purpose,
                "family": case.family,
                "head": case.head,
                # What the reference takes the problem for once it has seen the labels.
                "problemType": model.config.problem_type,
                "prefix": prefix,
                **({"pooled": _pooled(case, inputs["input_ids"])} if "Sequence" in case.head else {}),
                "seed": seed,
                "tolerances": TOLERANCES,
                "margins": {"routing": rounded(min(margins))},
                "versions": {
                    "transformers": transformers.__version__,
                    "torch": torch.__version__.split("+")[0],
                    "safetensors": safetensors.__version__,
                },
            },
        )
    return f"{case.directory}: seed {seed}, loss {outputs['loss']:.2f}, margin {min(margins):.1e}"


def _inputs(case: HeadCase, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(10_000 + seed)
    rows, width = len(case.lengths), max(case.lengths)
    ids = torch.randint(PAD + 1, case.config["vocab_size"], (rows, width), generator=generator)
    mask = _mask(case.lengths, width, case.pad)
    ids[mask == 0] = PAD
    for row, slot in case.padding_in_text:
        ids[row, slot] = PAD
    inputs = {"input_ids": ids, **({"attention_mask": mask} if case.pad else {})}
    count = case.config.get("num_labels")
    if case.labels == "classes":
        labels = torch.randint(0, count, (rows,), generator=generator)
    elif case.labels == "numbers":
        labels = torch.randn((rows, count) if count > 1 else (rows,), generator=generator)
    elif case.labels == "flags":
        labels = torch.randint(0, 2, (rows, count), generator=generator).float()
    elif case.labels == "tokens":
        labels = torch.randint(0, count, (rows, width), generator=generator)
        labels[torch.rand(labels.shape, generator=generator) < 0.2] = -100
        labels[mask == 0] = -100
    else:
        return {**inputs, "start_positions": torch.tensor([2, width + 3, 1]), "end_positions": torch.tensor([5, 3, -2])}
    return {**inputs, "labels": labels}


def _pooled(case: HeadCase, ids: torch.Tensor) -> list[int]:
    """The slot of each row whose logits are the row's."""
    if case.config["pad_token_id"] is None:
        return [ids.shape[1] - 1]
    return [max(slot for slot, token in enumerate(row) if token != PAD) for row in ids.tolist()]
