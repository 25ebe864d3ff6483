"""Makes the fixtures of packages/quantization: quantised weights as the libraries write them, and what they decode to.

    python tools/reference/golden_quantization.py [METHOD ...]

Needs requirements.txt and requirements-quantization.txt. A file of packages/quantization/test/__fixtures__ is a checkpoint of one
method: its metadata has the `quantization_config`, and beside the tensors of a module `X` there is `expected X.weight`, the weight
that the library decodes in float32, with the scales as they are in the file.
"""

import importlib
import json
import sys
from pathlib import Path

from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / "packages" / "quantization" / "test" / "__fixtures__"

METHODS = {
    "fp8": "fp8",
    "compressed-tensors": "compressed",
    "gptq": "gptq",
    "awq": "awq",
    "auto-round": "auto_round",
    "mxfp4": "mxfp4",
    "modelopt": "modelopt",
    "mlx": "mlx",
    "bitsandbytes": "bitsandbytes",
}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    asked = sys.argv[1:] or METHODS
    for method, file in METHODS.items():
        if method not in asked:
            continue
        module = importlib.import_module(f"golden_quantization_{file}")
        for name, config, tensors, expected in module.cases():
            named = {f"expected {key}": value.contiguous() for key, value in expected.items()}
            named_method = {} if method == "mlx" or "quantization" in config else {"quant_method": method}
            metadata = {"quantization_config": json.dumps({**named_method, **config})}
            save_file({**{key: value.contiguous() for key, value in tensors.items()}, **named}, OUT / f"{method}-{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
