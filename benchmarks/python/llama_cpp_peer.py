"""Measures llama.cpp's own library on given tokens: `llama_cpp_peer.py FOLDER REQUEST`, where FOLDER has its shared libraries.

The last line is the answer, as that of `src/larger/child.ts`. Needs Python alone. Tokens are given, not chosen: a model with
random weights repeats itself, and then its routing does too. Structures are passed as opaque bytes; the defaults of the fields
that are set are checked first, so that another version is refused.
"""

import ctypes
import json
import os
import re
import struct
import sys
import time
from pathlib import Path


class Opaque(ctypes.Structure):
    """More bytes than any structure of parameters has. As the last argument, the rest does no harm."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]

    def set(self, offset, form, value, default):
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
def quiet(level, text, _):
    if level >= 4:
        sys.stderr.write(text.decode(errors="replace"))


def library(folder):
    for name in ["libggml-base.so"]:
        ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    ggml = ctypes.CDLL(str(next(folder.glob("libggml.v*.so"))), mode=ctypes.RTLD_GLOBAL)
    lib = ctypes.CDLL(str(next(folder.glob("libllama.v*.so"))))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    signatures = {
        "llama_log_set": (None, [LOG, pointer]),
        "llama_backend_init": (None, []),
        "llama_model_default_params": (Opaque, []),
        "llama_context_default_params": (Opaque, []),
        "llama_model_load_from_file": (pointer, [text, Opaque]),
        "llama_init_from_model": (pointer, [pointer, Opaque]),
        "llama_batch_init": (Batch, [number, number, number]),
        "llama_decode": (number, [pointer, Batch]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, number]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_clear": (None, [pointer, ctypes.c_bool]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.llama_log_set(quiet, None)
    ggml.ggml_log_set(quiet, None)
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    lib.llama_backend_init()
    return lib


class Model:
    def __init__(self, lib, path, *, context, threads, repack):
        self.lib = lib
        params = lib.llama_model_default_params()
        if not repack:
            params.set(74, "<?", False, True)  # use_extra_bufts: weights stay in the file, and are not packed again in memory
        self.model = lib.llama_model_load_from_file(path.encode(), params)
        assert self.model, f"llama.cpp does not load {path}"
        params = lib.llama_context_default_params()
        params.set(0, "<I", context, 512)
        params.set(28, "<i", threads, 4)
        params.set(32, "<i", threads, 4)
        self.context = lib.llama_init_from_model(self.model, params)
        assert self.context

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def decode(self, ids, start):
        batch = self.lib.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, start + i, 1, i == len(ids) - 1
            batch.seq_id[i][0] = 0
        code = self.lib.llama_decode(self.context, batch)
        assert code == 0, f"llama_decode: {code}"
        return self.lib.llama_get_logits_ith(self.context, len(ids) - 1)[0]


def field(file, pattern):
    found = re.search(pattern, Path(file).read_text(), re.M)
    return int(found.group(1)) if found else None


def timed(work):
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def main():
    folder, request = Path(sys.argv[1]), json.loads(sys.argv[2])
    started = float(os.environ["MIXTAPE_BENCH_STARTED"]) / 1000
    prompt, tokens = request["prompt"], request["tokens"]
    context = max(len(prompt) + len(tokens), len(request["prefill"])) + 8
    model = Model(library(folder), request["gguf"], context=context, threads=request["threads"], repack=request["repack"])
    load = (time.time() - started) * 1000
    model.decode(prompt, 0)
    first = (time.time() - started) * 1000
    before = field("/proc/self/io", r"^read_bytes: (\d+)")
    steps, read = [], []
    for i, token in enumerate(tokens):
        steps.append(timed(lambda: model.decode([token], len(prompt) + i)))
        read.append(field("/proc/self/io", r"^read_bytes: (\d+)") - before)
    prefills = []
    for _ in range(request["prefills"]):
        model.clear()
        prefills.append(timed(lambda: model.decode(request["prefill"], 0)))
    anonymous = field("/proc/self/status", r"^RssAnon:\s+(\d+) kB") * 1024
    print(json.dumps(dict(loadMs=load, firstTokenMs=first, stepMs=steps, readBytes=read, prefillMs=prefills, anonymousBytes=anonymous)))
    sys.stdout.flush()
    os._exit(0)


main()
