"""Random blocks of every ggml format, and the values that llama.cpp and its `gguf` package decode them to, which are equal.

    LLAMA_CPP=... python tools/reference/gguf_blocks.py      # writes packages/quantization/test/__fixtures__/ggml-blocks.json.gz
"""

import base64
import ctypes
from pathlib import Path

import gguf
import numpy as np

import llama_cpp
from golden_io import write_json_gz

FIXTURE = Path(__file__).parents[2] / "packages/quantization/test/__fixtures__/ggml-blocks.json.gz"
TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4".split()
# Where the float16 scales of a block are.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
    "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
}


class Traits(ctypes.Structure):
    _fields_ = [
        ("type_name", ctypes.c_char_p),
        ("blck_size", ctypes.c_int64),
        ("blck_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
    ]


def by_llama_cpp(data: np.ndarray, kind: gguf.GGMLQuantizationType, count: int) -> np.ndarray:
    llama_cpp.library()
    base = ctypes.CDLL(str(Path(llama_cpp.os.environ["LLAMA_CPP"]) / "libggml-base.so"))
    base.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    traits = base.ggml_get_type_traits(int(kind)).contents
    assert traits.type_name.decode().upper() == kind.name, traits.type_name
    values = np.empty(count, np.float32)
    traits.to_float(data.ctypes.data, values.ctypes.data, count)
    return values


def main() -> None:
    rng = np.random.default_rng(11)
    golden = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        size, bytes_ = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (2048 // size, bytes_), dtype=np.uint8)
        for at in SCALES[name]:
            scales = (rng.standard_normal(len(blocks)) * 10.0 ** rng.integers(-7, 2, len(blocks))).astype(np.float16)
            blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
        if name == "MXFP4":
            blocks[:, 0] = np.concatenate([[0, 1, 254], rng.integers(90, 160, len(blocks) - 3)])
        values = gguf.quants.dequantize(blocks.reshape(1, -1), kind).reshape(-1).astype(np.float32)
        theirs = by_llama_cpp(blocks, kind, values.size)
        # llama.cpp flushes nothing: subnormal products and zeros of both signs are equal too.
        assert np.array_equal(values.view(np.uint32), theirs.view(np.uint32)), name
        golden[name] = {
            "bytes": base64.b64encode(blocks.tobytes()).decode(),
            "values": base64.b64encode(values.tobytes()).decode(),
        }
    write_json_gz(FIXTURE, golden)
    print(FIXTURE, FIXTURE.stat().st_size)


if __name__ == "__main__":
    main()
