"""llama.cpp's shared library by ctypes, and nothing else of Python's: for the golden files here, and for `benchmarks/python/llama_cpp_peer.py`.

Structures are passed as opaque bytes, so that only the fields that are set must be where they are: their defaults are checked first, and
another version is refused. The offsets are those of llama.cpp v0.5.0, which node-llama-cpp 3.22.1 has.
"""

import ctypes
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

# ggml_log_level
ERROR = 4


class Opaque(ctypes.Structure):
    """More bytes than any structure of parameters has. As the last argument, the rest does no harm."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]

    def set(self, offset: int, form: str, value, default) -> None:
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

_pointer, _text, _number, _bool = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_bool
_numbers = ctypes.POINTER(_number)
SIGNATURES = {
    "llama_log_set": (None, [LOG, _pointer]),
    "llama_backend_init": (None, []),
    "llama_model_default_params": (Opaque, []),
    "llama_context_default_params": (Opaque, []),
    "llama_model_quantize_default_params": (Opaque, []),
    "llama_model_quantize": (ctypes.c_uint32, [_text, _text, ctypes.POINTER(Opaque)]),
    "llama_model_load_from_file": (_pointer, [_text, Opaque]),
    "llama_init_from_model": (_pointer, [_pointer, Opaque]),
    "llama_model_get_vocab": (_pointer, [_pointer]),
    "llama_vocab_n_tokens": (_number, [_pointer]),
    "llama_tokenize": (_number, [_pointer, _text, _number, _numbers, _number, _bool, _bool]),
    "llama_detokenize": (_number, [_pointer, _numbers, _number, _text, _number, _bool, _bool]),
    "llama_batch_init": (Batch, [_number, _number, _number]),
    "llama_batch_free": (None, [Batch]),
    "llama_decode": (_number, [_pointer, Batch]),
    "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [_pointer, _number]),
    "llama_get_memory": (_pointer, [_pointer]),
    "llama_memory_clear": (None, [_pointer, _bool]),
}


def open_library(folder: Path, log: Callable[[int, str], None]) -> ctypes.CDLL:
    """Loads the library of a folder with its shared objects. Messages of llama.cpp and ggml go to `log`, with their levels."""
    ctypes.CDLL(str(folder / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    ggml = ctypes.CDLL(str(_versioned(folder, "libggml")), mode=ctypes.RTLD_GLOBAL)
    lib = ctypes.CDLL(str(_versioned(folder, "libllama")))
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    # Kept as long as the library, which calls it.
    lib.log = LOG(lambda level, text, _: log(level, text.decode(errors="replace")))
    lib.llama_log_set(lib.log, None)
    ggml.ggml_log_set(lib.log, None)
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    lib.llama_backend_init()
    return lib


def _versioned(folder: Path, name: str) -> Path:
    found = next(folder.glob(f"{name}.v*.so"), None)
    assert found, f"{folder}: no {name}.v*.so. It is the folder with the shared objects of node-llama-cpp"
    return found


def clear(lib: ctypes.CDLL, context: int) -> None:
    """Forgets all tokens."""
    lib.llama_memory_clear(lib.llama_get_memory(context), True)


def decode(lib: ctypes.CDLL, context: int, ids: Sequence[int], start: int, *, all_logits: bool) -> None:
    """Runs tokens of one sequence from a position on, for the logits of all or of the last of them."""
    batch = lib.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, start + i, 1
        batch.seq_id[i][0] = 0
        batch.logits[i] = all_logits or i == len(ids) - 1
    code = lib.llama_decode(context, batch)
    lib.llama_batch_free(batch)
    assert code == 0, f"llama_decode: {code}"
