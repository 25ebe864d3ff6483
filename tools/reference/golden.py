"""Makes every golden file of the project from Hugging Face transformers. See README.md beside this file."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers

import golden_checkpoints
import golden_configs
import golden_dropout
import golden_merge
import golden_mixtures
import golden_models
import golden_ops
import golden_padding
import golden_peft
import golden_peft_v4


import golden_resize
import golden_rope
import golden_routing
import golden_samplers
from golden_cases import CASES

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__"


def write_models(out: Path) -> None:
    for case in CASES:
        print(golden_models.write_case(case, out / "models"), flush=True)


def write_curves(out: Path) -> None:
    fresh = (out / "models").is_dir()
    golden_models.write_curves(out, out if fresh else FIXTURES)


def write_padding(out: Path) -> None:
    fresh = (out / "models").is_dir()
    golden_padding.write(out, out if fresh else FIXTURES)


def write_dropout(out: Path) -> None:
    golden_dropout.write(out, (out if (out / "models").is_dir() else FIXTURES) / "models")


def write_adapters(out: Path) -> None:
    golden_peft.write(out)
    golden_peft_v4.write(out)
    golden_mixtures.write(out)


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
    "dropout": write_dropout,
    "ops": golden_ops.write,
    "padding": write_padding,
    "resize": write_resized,
    "rope": golden_rope.write,
    "routing": golden_routing.write,
    "samplers": golden_samplers.write,
}


def differences(fixtures: Path, fresh: Path) -> list[str]:
    """Files that would be written otherwise, and files that nothing writes, below the entries of `fresh`."""
    new = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    old = {
        path.relative_to(fixtures)
        for entry in fresh.iterdir()
        if entry.is_dir()
        for path in (fixtures / entry.name).rglob("*")
        if path.is_file()
    }
    changed = {name for name in new if not _same(fixtures / name, fresh / name)}
    return [f"differs: {name}" for name in sorted(changed)] + [f"stale: {name}" for name in sorted(old - new)]


def _same(a: Path, b: Path) -> bool:
    return a.is_file() and a.read_bytes() == b.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="one part (repeatable); default: all")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    parts = arguments.only or list(PARTS)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        for part in parts:
            PARTS[part](fresh)
        if arguments.check:
            found = differences(FIXTURES, fresh)
            print("\n".join(found) or "every golden file is byte-equal")
            return 1 if found else 0
        for path in fresh.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        for entry in sorted(fresh.iterdir()):
            target = FIXTURES / entry.name
            if entry.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(entry, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(entry, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
