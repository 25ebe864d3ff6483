"""Golden files of any causal language model that transformers knows, for whoever adds a family.

    python tools/reference/golden_family.py --config my-config.json --out examples/my-family/test/__fixtures__

The JSON names the family in `model_type` and is as small as the checkpoint shall be. What is written is described in
`packages/testing/__fixtures__/README.md`; the folder is called `basic`.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from golden_case import Case
from golden_models import write_case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="a config.json, model_type included")
    parser.add_argument("--out", type=Path, required=True, help="the folder that gets the folder `basic`")
    arguments = parser.parse_args()

    config = json.loads(arguments.config.read_text())
    family = config.pop("model_type")
    purpose = "Two unequal rows padded on the left, in the forward pass and in generation."
    case = Case(family, "basic", purpose, config, lengths=(10, 6), pad="left", greedy=(7, 4))
    with tempfile.TemporaryDirectory() as scratch:
        print(write_case(case, Path(scratch)))
        target = arguments.out / "basic"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(scratch) / case.directory, target)


if __name__ == "__main__":
    main()
