"""Makes every golden file of the project from Hugging Face transformers. See README.md beside this file."""

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import torch
import transformers

import golden_checkpoints
import golden_configs
import golden_delta_rule
import golden_dropout
import golden_generation
import golden_heads
import golden_kv_cache
import golden_merge
import golden_mixtures
import golden_models
import golden_ops
import golden_padding
import golden_peft
import golden_peft_heads
import golden_peft_v4
import golden_resize
import golden_rope
import golden_rotary
import golden_router_losses
import golden_routing
import golden_samplers
from golden_cases import CASES

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__"


def write_models(out: Path, families: tuple[str, ...] = tuple(golden_models.MODELS)) -> None:
    for case in CASES:
        if case.family in families:
            print(golden_models.write_case(case, out / "models"), flush=True)


def write_curves(out: Path) -> None:
    fresh = (out / "models").is_dir()
    golden_models.write_curves(out, out if fresh else FIXTURES)


def write_padding(out: Path) -> None:
    fresh = (out / "models").is_dir()
    golden_padding.write(out, out if fresh else FIXTURES)


def write_dropout(out: Path) -> None:
    golden_dropout.write(out, (out if (out / "models").is_dir() else FIXTURES) / "models")


def write_generation(out: Path) -> None:
    golden_generation.write(out, out if (out / "models").is_dir() else FIXTURES)


def write_kv_cache(out: Path) -> None:
    golden_kv_cache.write(out, out if (out / "models").is_dir() else FIXTURES)


def write_adapters(out: Path) -> None:
    golden_peft.write(out)
    golden_peft_v4.write(out)
    golden_mixtures.write(out)


def write_head_adapters(out: Path) -> None:
    golden_peft_heads.write(out, (out if (out / "heads").is_dir() else FIXTURES) / "heads")


def write_merged(out: Path) -> None:
    fresh = (out / "models").is_dir() and (out / "adapters").is_dir()
    golden_merge.write(out, out if fresh else FIXTURES)


def write_resized(out: Path) -> None:
    golden_resize.write(out, (out if (out / "models").is_dir() else FIXTURES) / "models")


PARTS = {
    "adapters": write_adapters,
    "checkpoints": golden_checkpoints.write,
    "configs": golden_configs.write,
    "models": write_models,
    "merged": write_merged,
    "curves": write_curves,
    "delta-rule": golden_delta_rule.write,
    "dropout": write_dropout,
    "generation": write_generation,
    "heads": golden_heads.write,
    "head-adapters": write_head_adapters,
    "kv-cache": write_kv_cache,
    "ops": golden_ops.write,
    "padding": write_padding,
    "resize": write_resized,
    "rope": golden_rope.write,
    "rotary": golden_rotary.write,
    "router-losses": golden_router_losses.write,
    "routing": golden_routing.write,
    "samplers": golden_samplers.write,
}
# A family at a time: on another processor the last bits of the others would change for nothing.
FAMILIES = {f"models/{family}": partial(write_models, families=(family,)) for family in golden_models.MODELS}


def units(fresh: Path) -> list[Path]:
    """What is replaced as a whole: the files and folders at the top, but of `models` its families."""
    return sorted(
        unit.relative_to(fresh)
        for entry in fresh.iterdir()
        for unit in (entry.iterdir() if entry.name == "models" else [entry])
    )


def differences(fixtures: Path, fresh: Path) -> list[str]:
    """Files that would be written otherwise, and files that nothing writes, below the folders of `fresh`."""
    new = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    old = {
        path.relative_to(fixtures)
        for unit in units(fresh)
        if (fresh / unit).is_dir()
        for path in (fixtures / unit).rglob("*")
        if path.is_file()
    }
    changed = {name for name in new if not _same(fixtures / name, fresh / name)}
    return [f"differs: {name}" for name in sorted(changed)] + [f"stale: {name}" for name in sorted(old - new)]


def _same(a: Path, b: Path) -> bool:
    return a.is_file() and a.read_bytes() == b.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    parser.add_argument("--only", choices=sorted({**PARTS, **FAMILIES}), action="append", help="one part (repeatable); default: all")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    parts = arguments.only or list(PARTS)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        for part in parts:
            {**PARTS, **FAMILIES}[part](fresh)
        if arguments.check:
            found = differences(FIXTURES, fresh)
            print("\n".join(found) or "every golden file is byte-equal")
            return 1 if found else 0
        for path in fresh.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for unit in units(fresh):
            target = FIXTURES / unit
            target.parent.mkdir(parents=True, exist_ok=True)
            if (fresh / unit).is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(fresh / unit, target)
            else:
                shutil.copy(fresh / unit, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
