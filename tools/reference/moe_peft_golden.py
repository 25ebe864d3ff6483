"""Holds Mixtape's mixtures of LoRA experts to MoE-PEFT 2.0.2: writes packages/peft/test/__fixtures__/moe-peft.

MoE-PEFT needs older versions of torch and transformers than the rest of this folder:

    python3.11 -m venv venv-moe-peft
    venv-moe-peft/bin/pip install -r tools/reference/requirements-moe-peft.txt
    venv-moe-peft/bin/python tools/reference/moe_peft_golden.py            # --check: write nothing, fail if a file would change
    venv-moe-peft/bin/python tools/reference/moe_peft_faults.py            # shows the faults that no golden file can hold

All classes that compute something are MoE-PEFT's own: its models, linear maps, routers, losses. Where it departs from the papers
(docs/adapters.md, "Where MoE-PEFT is not followed"), the same classes run with the fault mended from outside (`mended`); the golden
file then has MoE-PEFT's own value too, as `moe_peft.…`, and the script fails if the two are not apart. Everywhere else it fails if
they are.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

os.environ["MOE_PEFT_EXECUTOR_TYPE"] = "CPU"

import torch  # noqa: E402
from moe_peft import LLMBatchConfig, LLMModel, LLMModelInput, TrainConfig, adapter_factory  # noqa: E402
from moe_peft.adapters import DynamicRouterLoss, SwitchRouterLoss, SwitchSparseMoe  # noqa: E402
from moe_peft.tasks import CasualTask  # noqa: E402
from moe_peft.trainer import save_adapter_weight  # noqa: E402

from golden_io import rounded, write_json, write_tensors  # noqa: E402
from moe_peft_cases import CASES, FRESH, Case  # noqa: E402
from moe_peft_models import PAD, VOCABULARY, Base  # noqa: E402

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "peft" / "test" / "__fixtures__" / "moe-peft"
# No choice of a router is closer to a tie.
MARGIN = 5e-4
# What is apart by a fault is apart by more than this, and what is not by less than SAME.
APART, SAME = 1e-4, 2e-6

class Rejected(Exception):
    """The seed gives a choice that is too close to a tie."""


def inputs_of(padding: tuple, seed: int):
    """Ids, labels and mask of two rows of nine tokens. Some real tokens have no label: padding is not asked for the first one."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, VOCABULARY, (2, 9), generator=generator)
    mask = torch.ones_like(ids)
    side, counts = padding
    for row, count in enumerate(counts):
        if count:
            mask[row, :count] = 0
            if side == "right":
                mask[row] = mask[row].flip(0)
    ids = torch.where(mask.bool(), ids, PAD)
    labels = torch.where(mask.bool(), ids, -100)
    labels[1, 4] = -100
    labels[:, 1:][mask[:, :-1] == 0] = -100
    return ids, labels, mask


def fill(model: LLMModel, name: str, seed: int) -> dict:
    """Gives the adapter values of order one. Returns its tensors by MoE-PEFT's names."""
    generator = torch.Generator().manual_seed(seed)
    tensors = model.get_adapter_weight_dict(name)
    with torch.no_grad():
        for key in sorted(tensors):
            deviation = 0.5 if key.endswith("moe_gate.weight") else 0.3
            tensors[key].copy_(deviation * torch.randn(tensors[key].shape, generator=generator))
    return tensors


def run(model: LLMModel, adapters: dict, *, inference: bool = False, router_logits: bool = True):
    """One forward pass of several adapters' rows. Returns each one's output."""
    batches, start = [], 0
    for name, (ids, _, _) in adapters.items():
        batches.append(LLMBatchConfig(name, start, start + len(ids)))
        start += len(ids)
    ids, labels, masks = (torch.cat(rows) for rows in zip(*adapters.values()))
    return model.forward(
        LLMModelInput(
            batch_configs_=batches,
            batch_tokens_=ids,
            batch_labels_=labels,
            batch_masks_=masks,
            inference_mode_=inference,
            output_router_logits_=router_logits,
        )
    )


@contextmanager
def mended(mask: torch.Tensor):
    """Runs MoE-PEFT without its departures from the papers: padding counts in no loss and takes no place of an expert's capacity, and
    a token beyond the capacity goes by nothing but the residual."""
    losses = {kind: kind.forward for kind in (DynamicRouterLoss, SwitchRouterLoss)}
    switch = SwitchSparseMoe.forward

    def loss_of_tokens(kind):
        def forward(self, logits, attention_mask):
            real = attention_mask.bool().flatten().repeat(len(logits) // attention_mask.numel())
            return losses[kind](self, logits[real], None)

        return forward

    def token_by_token(self, hidden_states, ffn_layer, input_args):
        rows = []
        for row, real in zip(hidden_states, mask.bool()):
            own = row[real][None]
            y, _ = switch(self, own, ffn_layer, input_args)
            taken, _, _ = self.route(own, input_args)
            rows.append(torch.zeros_like(row).masked_scatter(real[:, None], y * taken.sum(-1, keepdim=True)))
        return torch.stack(rows), self.gate_(hidden_states).reshape(-1, self.experts_)

    try:
        for kind in losses:
            kind.forward = loss_of_tokens(kind)
        SwitchSparseMoe.forward = token_by_token
        yield
    finally:
        for kind, forward in losses.items():
            kind.forward = forward
        SwitchSparseMoe.forward = switch


def check_margins(config: dict, logits: torch.Tensor) -> None:
    probabilities = torch.softmax(logits, -1).sort(-1, descending=True).values
    kind = config["routing_strategy"]
    if kind == "loramoe":
        return
    if kind == "mixlora-dynamic":
        before = (probabilities.cumsum(-1) - probabilities) / (config.get("temperature") or 1)
        margins = (before - config["top_p"]).abs()
    else:
        k = 1 if kind == "mixlora-switch" else config["top_k"]
        if k == config["num_experts"]:
            return
        margins = probabilities[:, k - 1] - probabilities[:, k]
    if margins.min() < MARGIN:
        raise Rejected(f"an expert is chosen by {margins.min():.1e}")


def compute(base: Base, case: Case, seed: int):
    """The adapter's tensors and what MoE-PEFT computes with it."""
    model = base.load()
    model.init_adapter(adapter_factory(adapter_name="default", **case.config))
    adapter = fill(model, "default", seed)
    rows = inputs_of(case.padding, seed)
    mask = rows[2]

    def forward(**options):
        (output,) = run(model, {"default": rows}, **options)
        return output, output.logits * mask[..., None]

    plain, plain_logits = forward()
    if plain.router_logits is not None:
        check_margins(case.config, plain.router_logits)
    with mended(mask):
        output, logits = forward()
    loss = output.loss if output.aux_loss is None else output.loss + output.aux_loss
    loss.backward()
    embedding = model.model_.embed_tokens_.token_embedding_
    names = {name: base.adapter_name(name) for name in sorted(adapter)}
    golden = {"input_ids": rows[0], "labels": rows[1], "attention_mask": mask}
    golden.update({"logits": logits, "loss": loss, "lm_loss": output.loss, "grad.embed_tokens": embedding.grad})
    if output.aux_loss is not None:
        golden["router_loss"] = output.aux_loss
    for name, own in names.items():
        gradient = adapter[name].grad
        golden[f"grad.{own}"] = torch.zeros_like(adapter[name]) if gradient is None else gradient
    with torch.no_grad():
        _, inference_logits = forward(inference=True)
    theirs = {"logits": plain_logits, "inference_logits": inference_logits, "router_loss": plain.aux_loss}
    for key, value in theirs.items():
        if value is None:
            continue
        distance = (value - golden["logits" if key == "inference_logits" else key]).abs().max().item()
        if distance < APART if key in case.departs else distance > SAME:
            raise AssertionError(f"{case.model} {case.name}: {key} of MoE-PEFT {distance:.1e} from the papers'")
        if key in case.departs:
            golden[f"moe_peft.{key}"] = value
    return model, golden


def check_used(case: Case, golden: dict) -> None:
    """All of an adapter takes part: a golden gradient of zeros shows nothing."""
    for name, gradient in golden.items():
        if name.startswith("grad.") and gradient.abs().max() < 1e-6 and not (name.endswith("moe_gate.weight") and idle_router(case)):
            raise Rejected(f"{name} is zero")


def idle_router(case: Case) -> bool:
    """Whether the router's choice is of one expert with weight 1, and no loss is added: then it has no gradient."""
    has_loss = case.config.get("router_loss", case.config["routing_strategy"].startswith("mixlora"))
    return case.config.get("top_k") == 1 and not has_loss


def write_case(base: Base, case: Case, out: Path) -> tuple[int, str]:
    seed = 0
    while True:
        try:
            model, golden = compute(base, case, seed)
            check_used(case, golden)
            break
        except Rejected:
            seed += 1
    folder = out / case.model / case.name
    write_tensors(folder / "golden.safetensors", golden)
    save(base, model, case, folder)
    return seed, f"{case.model} {case.name}: seed {seed}, loss {golden['loss'].item():.4f}"


# Keys of a config that count in training, and that MoE-PEFT leaves out of the file.
UNSAVED = ("router_loss", "router_aux_loss_coef", "router_z_loss_coef", "jitter_noise")


def save(base: Base, model: LLMModel, case: Case, folder: Path) -> None:
    """Saves the adapter as MoE-PEFT does, tensors as safetensors, with the keys that it leaves out."""
    with tempfile.TemporaryDirectory() as scratch:
        save_adapter_weight(model, TrainConfig(adapter_name="default", task_=CasualTask()), scratch)
        saved = Path(scratch) / "default"
        tensors = torch.load(saved / "adapter_model.bin", weights_only=True)
        config = json.loads((saved / "adapter_config.json").read_text())
    write_tensors(folder / "adapter_model.safetensors", {base.adapter_name(name): tensors[name] for name in sorted(tensors)})
    write_json(folder / "adapter_config.json", config | {key: case.config[key] for key in UNSAVED if key in case.config})


def check_batch(base: Base, cases: list[Case], seeds: dict) -> None:
    """MoE-PEFT computes for adapters of MixLoRA that share a batch what it computes for each alone."""
    model = base.load()
    rows = {}
    for case in cases:
        model.init_adapter(adapter_factory(adapter_name=case.name, **case.config))
        fill(model, case.name, seeds[case.name])
        rows[case.name] = inputs_of(case.padding, seeds[case.name])
    for case, output in zip(cases, run(model, rows)):
        alone = base.load()
        alone.init_adapter(adapter_factory(adapter_name=case.name, **case.config))
        fill(alone, case.name, seeds[case.name])
        (own,) = run(alone, {case.name: rows[case.name]})
        torch.testing.assert_close(output.logits, own.logits, atol=SAME, rtol=0)
        torch.testing.assert_close(output.aux_loss, own.aux_loss, atol=SAME, rtol=0)


def first_values(base: Base, config: dict) -> dict:
    """How far the values of a fresh adapter spread: standard deviation and largest, of routers, A and B."""
    torch.manual_seed(0)
    model = base.load()
    model.init_adapter(adapter_factory(adapter_name="default", **config))
    tensors = model.get_adapter_weight_dict("default")
    spread = {}
    for part, end in {"gate": "moe_gate.weight", "lora_a": "lora_A.weight", "lora_b": "lora_B.weight"}.items():
        values = torch.cat([tensor.detach().flatten() for name, tensor in tensors.items() if name.endswith(end)])
        spread[part] = {"deviation": rounded(values.std().item()), "largest": rounded(values.abs().max().item())}
    return {"config": config | {"lora_dropout": 0.0}, "values": spread}


def write(out: Path) -> None:
    bases = {family: Base(family) for family in ("qwen3-moe", "mixtral")}
    write_json(out / "first-values.json", {"adapters": [first_values(bases["qwen3-moe"], config) for config in FRESH]})
    for family, base in bases.items():
        write_json(out / family / "config.json", base.config)
        write_tensors(out / family / "model.safetensors", base.tensors)
        seeds = {}
        for case in CASES:
            if case.model == family:
                seeds[case.name], line = write_case(base, case, out)
                print(line, flush=True)
        check_batch(base, [case for case in CASES if case.model == family and case.name in ("mixlora", "dynamic")], seeds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        write(fresh)
        if check:
            files = {path.relative_to(root) for root in (fresh, FIXTURES) for path in root.rglob("*") if path.is_file()}
            differ = [str(name) for name in sorted(files) if bytes_of(fresh / name) != bytes_of(FIXTURES / name)]
            print("\n".join(f"differs: {name}" for name in differ) or "every golden file is byte-equal")
            return 1 if differ else 0
        for path in fresh.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(FIXTURES, ignore_errors=True)
        shutil.copytree(fresh, FIXTURES)
    return 0


def bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
