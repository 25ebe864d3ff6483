"""llama.cpp's own library, from the npm package node-llama-cpp: tokens, logits, and quantised files.

    npm install --ignore-scripts --prefix FOLDER node-llama-cpp@3.22.1     # llama.cpp v0.5.0
    LLAMA_CPP=FOLDER/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64

Structures are passed as opaque bytes, so that only the fields that are set here must be where they are: their defaults are
checked first.
"""

import ctypes
import os
import struct
from functools import cache
from pathlib import Path

import numpy as np

# llama_ftype
FTYPES = {
    "F16": 1,
    "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_M": 12, "Q4_K_S": 14, "Q4_K_M": 15,
    "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "MXFP4": 38,
}


class Opaque(ctypes.Structure):
    """More bytes than any structure of parameters has. As the last argument, the rest does no harm."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]

    def set(self, offset: int, form: str, value, default=None) -> None:
        if default is not None:
            found = struct.unpack_from(form, bytes(self.bytes), offset)[0]
            assert found == default, f"another version of llama.cpp: byte {offset} is {found}, not {default}"
        struct.pack_into(form, self.bytes, offset, value)


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@LOG
def _log(level, text, _):
    if level >= 4 and os.environ.get("LLAMA_CPP_LOG") or os.environ.get("LLAMA_CPP_LOG") == "all":
        print(text.decode(errors="replace"), end="")


@cache
def library() -> ctypes.CDLL:
    folder = Path(os.environ["LLAMA_CPP"])
    for name in ["libggml-base.so", "libggml.v0.5.0.so"]:
        ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    ggml = ctypes.CDLL(str(folder / "libggml.v0.5.0.so"))
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    lib = ctypes.CDLL(str(folder / "libllama.v0.5.0.so"))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    signatures = {
        "llama_log_set": (None, [LOG, pointer]),
        "llama_backend_init": (None, []),
        "llama_model_default_params": (Opaque, []),
        "llama_context_default_params": (Opaque, []),
        "llama_model_quantize_default_params": (Opaque, []),
        "llama_model_quantize": (ctypes.c_uint32, [text, text, ctypes.POINTER(Opaque)]),
        "llama_model_load_from_file": (pointer, [text, Opaque]),
        "llama_init_from_model": (pointer, [pointer, Opaque]),
        "llama_model_get_vocab": (pointer, [pointer]),
        "llama_vocab_n_tokens": (number, [pointer]),
        "llama_tokenize": (number, [pointer, text, number, ctypes.POINTER(number), number, ctypes.c_bool, ctypes.c_bool]),
        "llama_detokenize": (number, [pointer, ctypes.POINTER(number), number, text, number, ctypes.c_bool, ctypes.c_bool]),
        "llama_batch_init": (Batch, [number, number, number]),
        "llama_decode": (number, [pointer, Batch]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, number]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_clear": (None, [pointer, ctypes.c_bool]),
        "llama_free": (None, [pointer]),
        "llama_model_free": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.llama_log_set(_log, None)
    lib.llama_backend_init()
    return lib


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
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        return self._decode(ids, 0)

    def greedy(self, ids: list[int], count: int) -> list[int]:
        """The most likely tokens after a prompt, one by one, ends included."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        new = [int(self._decode(ids, 0)[-1].argmax())]
        while len(new) < count:
            new.append(int(self._decode(new[-1:], len(ids) + len(new) - 1)[-1].argmax()))
        return new

    def _decode(self, ids: list[int], start: int) -> np.ndarray:
        batch = self.lib.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, start + i, 1, 1
            batch.seq_id[i][0] = 0
        code = self.lib.llama_decode(self.context, batch)
        assert code == 0, f"llama_decode: {code}"
        size = self.lib.llama_vocab_n_tokens(self.vocab)
        return np.stack([np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.context, i), (size,)).copy() for i in range(len(ids))])
