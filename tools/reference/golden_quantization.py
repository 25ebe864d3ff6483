"""Makes the fixtures of packages/quantization: quantised weights as the libraries write them, and what they decode to.

    python tools/reference/golden_quantization.py

Needs requirements.txt and requirements-quantization.txt. A file of packages/quantization/test/__fixtures__ is a checkpoint of one
method: its metadata has the `quantization_config`, and beside the tensors of a module `X` there is `expected X.weight`, the weight
that the library decodes in float32, with the scales as they are in the file.
"""

import json
from pathlib import Path

from safetensors.torch import save_file

import golden_quantization_compressed as compressed
import golden_quantization_fp8 as fp8

OUT = Path(__file__).resolve().parents[2] / "packages" / "quantization" / "test" / "__fixtures__"

METHODS = {"fp8": fp8, "compressed-tensors": compressed}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for method, module in METHODS.items():
        for name, config, tensors, expected in module.cases():
            named = {f"expected {key}": value.contiguous() for key, value in expected.items()}
            metadata = {"quantization_config": json.dumps({"quant_method": method, **config})}
            save_file({**{key: value.contiguous() for key, value in tensors.items()}, **named}, OUT / f"{method}-{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
