"""The process that measures OpenVINO: `openvino_peer.py REQUEST`, as peer.py describes, with the folder of an exported model.

Another request makes that folder: {"kind": "export", "folder": ..., "target": ..., "weights": "int4" | "int8" | "fp16"}. The runtime is
called without a pipeline around it: the least that a program could do.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from peer import answer, measures_speed, prompts_of, run_tasks, since_start

# Options of `optimum-cli export openvino`. Embedding and head are in 8 bits where the others have 4: its default.
FORMATS = {
    "fp16": [],
    "int8": [],
    "int4": ["--sym", "--group-size", "32", "--ratio", "1.0"],
}


def find(request):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {
            "description": f"OpenVINO {version('openvino')}, exported by optimum-intel {version('optimum-intel')}; "
            f"{request['threads']} threads"
        }
    except PackageNotFoundError as error:
        return {"missing": f"{sys.executable}: {error} is not installed."}


def run(request):
    if request["kind"] == "export":
        return export(request)
    import openvino

    imported_ms = since_start()
    tasks = request["tasks"]
    writer = choose_precision(openvino.Core(), request)
    found = {"loadMs": imported_ms + writer.load_ms, "runs": run_tasks(tasks, writer.run)}
    return {**found, "remark": writer.remark()} if measures_speed(tasks) else found


def export(request):
    target, weights = Path(request["target"]), request["weights"]
    unfinished = target.with_name(f"{target.name}.tmp")
    command = [Path(sys.executable).with_name("optimum-cli"), "export", "openvino", "--model", request["folder"]]
    command += ["--task", "text-generation-with-past", "--weight-format", weights, *FORMATS[weights], unfinished]
    subprocess.run(command, check=True, stdout=sys.stderr)
    unfinished.rename(target)
    return {}


def choose_precision(core, request):
    """A model computing in float32, or in bfloat16 where the processor can and that decodes faster."""
    hints = ["f32", "bf16"] if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else ["f32"]
    if len(hints) == 1 or not measures_speed(request["tasks"]):
        return Writer(core, request, hints[0])
    trial = {"promptTokens": 1, "newTokens": 9}

    def time_of(hint):
        writer = Writer(core, request, hint)
        return min(writer.run(trial)["restMs"] for _ in range(2))

    return Writer(core, request, min(hints, key=time_of))


class Writer:
    """A model, written with greedily."""

    def __init__(self, core, request, hint):
        begin = time.perf_counter()
        folder = Path(request["folder"])
        self.weights = folder.name.removeprefix("openvino-")
        self.hint = hint
        self.vocab_size = json.loads((folder / "config.json").read_text())["vocab_size"]
        model = core.read_model(folder / "openvino_model.xml")
        last_logits_only(model)
        compiled = core.compile_model(
            model,
            "CPU",
            {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": request["threads"], "INFERENCE_PRECISION_HINT": hint},
        )
        self.cache = compiled.get_property("KV_CACHE_PRECISION").get_type_name()
        self.request = compiled.create_infer_request()
        self.load_ms = (time.perf_counter() - begin) * 1000

    def remark(self):
        return f"weights {self.weights}, computing in {self.hint}, keys and values in {self.cache}"

    def run(self, task):
        prompts = np.array(prompts_of(task, self.vocab_size), dtype=np.int64)
        self.request.reset_state()
        begin = time.perf_counter()
        token, length = self.next_tokens(prompts, 0), prompts.shape[1]
        first, first_cpu = time.perf_counter(), time.process_time()
        for i in range(task["newTokens"] - 1):
            token = self.next_tokens(token, length + i)
        return {
            "firstTokenMs": (first - begin) * 1000,
            "restMs": (time.perf_counter() - first) * 1000,
            "restCpuMs": (time.process_time() - first_cpu) * 1000,
        }

    def next_tokens(self, ids, past):
        rows, length = ids.shape
        positions = np.arange(past, past + length, dtype=np.int64)
        self.request.infer(
            {
                "input_ids": ids,
                "attention_mask": np.ones((rows, past + length), dtype=np.int64),
                "position_ids": np.broadcast_to(positions, (rows, length)),
                "beam_idx": np.arange(rows, dtype=np.int32),
            }
        )
        return self.request.get_tensor("logits").data[:, -1].argmax(-1)[:, None].astype(np.int64)


def last_logits_only(model):
    """Multiplies the last position alone by the head, as OpenVINO GenAI's pipelines do with every model."""
    from openvino import opset13

    node = model.output("logits").get_node().input_value(0).get_node()
    while node.get_type_name() != "MatMul":
        assert node.get_type_name() in ("Convert", "Add", "Multiply"), node
        node = node.input_value(0).get_node()
    one = [np.array([value], dtype=np.int64) for value in (-1, -2, -1, 1)]
    last = opset13.slice(node.input_value(0), *(opset13.constant(value) for value in one))
    node.input(0).replace_source_output(last.output(0))
    model.validate_nodes_and_infer_types()


if __name__ == "__main__":
    answer(find, run)
