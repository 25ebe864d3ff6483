"""llama.cpp's own library, from the npm package node-llama-cpp: tokens, logits, and quantised files.

    npm install --ignore-scripts --prefix FOLDER node-llama-cpp@3.22.1     # llama.cpp v0.5.0
    LLAMA_CPP=FOLDER/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64

LLAMA_CPP_LOG=1 shows its errors, LLAMA_CPP_LOG=all all messages.
"""

import ctypes
import os
from functools import cache
from pathlib import Path

import numpy as np
from llama_cpp_library import ERROR, clear, decode, open_library

# llama_ftype
FTYPES = {
    "F16": 1,
    "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_M": 12, "Q4_K_S": 14, "Q4_K_M": 15,
    "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "MXFP4": 38,
}


@cache
def library() -> ctypes.CDLL:
    return open_library(Path(os.environ["LLAMA_CPP"]), _log)


def _log(level: int, text: str) -> None:
    wanted = os.environ.get("LLAMA_CPP_LOG")
    if wanted == "all" or (wanted and level == ERROR):
        print(text, end="")


def quantize(source: Path, target: Path, ftype: str, *, pure: bool = False) -> None:
    """Quantise a GGUF file as `llama-quantize` does."""
    lib = library()
    params = lib.llama_model_quantize_default_params()
    params.set(0, "<i", 1, 0)
    params.set(4, "<i", FTYPES[ftype], 7)
    params.set(16, "<?", True, False)
    params.set(19, "<?", pure, False)
    code = lib.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
    assert code == 0, f"llama_model_quantize: {code}"


class Model:
    """A model, or with `vocab_only` its tokenizer."""

    def __init__(self, path: Path, *, context: int = 512, vocab_only: bool = False):
        self.lib = library()
        params = self.lib.llama_model_default_params()
        params.set(72, "<?", vocab_only, False)
        self.model = self.lib.llama_model_load_from_file(str(path).encode(), params)
        assert self.model, f"llama.cpp does not load {path}"
        self.vocab = self.lib.llama_model_get_vocab(self.model)
        self.context = None
        if vocab_only:
            return
        params = self.lib.llama_context_default_params()
        params.set(0, "<I", context, 512)
        params.set(4, "<I", context, 2048)
        params.set(8, "<I", context, 512)
        params.set(28, "<i", 1, 4)  # threads
        params.set(32, "<i", 1, 4)
        params.set(52, "<i", 0, -1)  # flash attention off
        params.set(104, "<i", 0, 1)  # keys and values in float32
        params.set(108, "<i", 0, 1)
        self.context = self.lib.llama_init_from_model(self.model, params)
        assert self.context

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> list[int]:
        data = text.encode()
        size = len(data) + 16
        ids = (ctypes.c_int32 * size)()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), ids, size, add_special, parse_special)
        assert count >= 0
        return list(ids[:count])

    def detokenize(self, ids: list[int], *, remove_special: bool = False, unparse_special: bool = True) -> bytes:
        array = (ctypes.c_int32 * len(ids))(*ids)
        size = 64 + 64 * len(ids)
        text = ctypes.create_string_buffer(size)
        count = self.lib.llama_detokenize(self.vocab, array, len(ids), text, size, remove_special, unparse_special)
        assert count >= 0
        return text.raw[:count]

    def logits(self, ids: list[int]) -> np.ndarray:
        """Logits of every position."""
        clear(self.lib, self.context)
        return self._decode(ids, 0)

    def greedy(self, ids: list[int], count: int) -> list[int]:
        """The most likely tokens after a prompt, one by one, ends included."""
        clear(self.lib, self.context)
        new = [int(self._decode(ids, 0)[-1].argmax())]
        while len(new) < count:
            new.append(int(self._decode(new[-1:], len(ids) + len(new) - 1)[-1].argmax()))
        return new

    def _decode(self, ids: list[int], start: int) -> np.ndarray:
        decode(self.lib, self.context, ids, start, all_logits=True)
        size = self.lib.llama_vocab_n_tokens(self.vocab)
        return np.stack([np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.context, i), (size,)).copy() for i in range(len(ids))])
