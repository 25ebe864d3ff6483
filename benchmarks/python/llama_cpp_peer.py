"""Measures llama.cpp's own library on given tokens: `llama_cpp_peer.py FOLDER REQUEST`, where FOLDER has its shared libraries.

The last line is the answer, as that of `src/larger/child.ts`. Needs Python alone. Tokens are given, not chosen: a model with
random weights repeats itself, and then its routing does too.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools" / "reference"))
from llama_cpp_library import ERROR, clear, decode, open_library  # noqa: E402


def log(level, text):
    if level == ERROR:
        sys.stderr.write(text)


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
        clear(self.lib, self.context)

    def decode(self, ids, start):
        decode(self.lib, self.context, ids, start, all_logits=False)
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
    model = Model(open_library(folder, log), request["gguf"], context=context, threads=request["threads"], repack=request["repack"])
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
