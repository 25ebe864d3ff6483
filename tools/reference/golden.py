"""Makes every golden file of the project from Hugging Face transformers. See README.md beside this file."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers

import golden_models
from golden_cases import CASES

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "testing" / "__fixtures__"


def write_models(out: Path) -> None:
    for case in CASES:
        print(golden_models.write_case(case, out / "models"), flush=True)


PARTS = {"models": write_models}


def compare(expected: Path, actual: Path) -> list[str]:
    """The files below `actual` that `expected` lacks or has with other bytes."""
    names = sorted(str(path.relative_to(actual)) for path in actual.rglob("*") if path.is_file())
    return [name for name in names if not _same(expected / name, actual / name)]


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
            changed = compare(FIXTURES, fresh)
            print("\n".join(f"differs: {name}" for name in changed) or "every golden file is byte-equal")
            return 1 if changed else 0
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
