"""Makes packages/tokenizer/test/__fixtures__/mistral-regex.json: when transformers puts another regular expression in the place of
the one in tokenizer.json, and the ids of a text then.

    python tools/reference/tokenizer_mistral_regex.py

The tokenizer is the small `qwen` of the fixtures, filled up with tokens `<|filler N|>` to the size of Mistral's.
"""

import json
import logging as python_logging
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import AutoTokenizer
from transformers.utils import logging

FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "test" / "__fixtures__"
TEXT = "Hello WORLDwide camelCase 1234 it's/\n\n/x  y\u0301Z é"
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLIT = {"type": "Split", "pattern": {"Regex": GPT4}, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
WRONG = {"type": "Sequence", "pretokenizers": [SPLIT, BYTES]}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
FIX, OLD = {"fix_mistral_regex": True}, {"model_type": "mistral", "transformers_version": "4.50.0"}
CASES = [
    (FIX, None, WRONG),
    (FIX, OLD, WRONG),
    ({"fix_mistral_regex": False}, OLD, WRONG),
    ({"fix_mistral_regex": None}, OLD, WRONG),
    ({"fix_mistral_regex": 1}, OLD, WRONG),
    ({"fix_mistral_regex": "no"}, OLD, WRONG),
    ({}, OLD, WRONG),
    (FIX, {"model_type": "mixtral", "transformers_version": "4.50.0"}, WRONG),
    (FIX, {"model_type": "mixtral"}, WRONG),
    ({}, {"model_type": "mixtral"}, WRONG),
    (FIX, {"model_type": "mistral", "transformers_version": "5.1.0"}, WRONG),
    (FIX, {"model_type": "mistral", "transformers_version": "5.0.0.dev0"}, WRONG),
    (FIX, {"model_type": "mistral", "transformers_version": "5.0.0"}, WRONG),
    (FIX, {"model_type": "mistral3", "transformers_version": "4.57.1"}, WRONG),
    (FIX, {"transformers_version": "4.57.1"}, WRONG),
    ({**FIX, "tokenizer_class": "Qwen2Tokenizer"}, {"model_type": "qwen3_moe"}, WRONG),
    ({**FIX, "tokenizer_class": "LlamaTokenizer"}, {"model_type": "llama"}, WRONG),
    (FIX, OLD, SPLIT),
    (FIX, OLD, METASPACE),
    (FIX, OLD, BYTES),
    (FIX, OLD, None),
]


# Pairs that only one of the two regular expressions leaves together.
MERGES = [["l", "C"], ["1", "2"], ["/", "Ċ"], ["s", "/"]]


def model_of(base: dict, vocab: dict) -> dict:
    return {**base["model"], "vocab": vocab, "merges": [*base["model"]["merges"], *MERGES]}


class Listener(python_logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard = False

    def emit(self, record: python_logging.LogRecord) -> None:
        self.heard = self.heard or "incorrect regex pattern" in record.getMessage()


def run(base: dict, size: int, config: dict, model: dict | None, pre_tokenizer: dict | None) -> dict:
    vocab = dict(base["model"]["vocab"])
    vocab.update({left + right: len(vocab) + i for i, (left, right) in enumerate(MERGES)})
    vocab.update({f"<|filler {i}|>": i for i in range(len(vocab), size)})
    tokenizer = {**base, "pre_tokenizer": pre_tokenizer, "added_tokens": [], "model": model_of(base, vocab)}
    files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config}
    if model is not None:
        files["config.json"] = model
    listener = Listener()
    logging.get_logger("transformers").addHandler(listener)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        loaded = AutoTokenizer.from_pretrained(folder)
    logging.get_logger("transformers").removeHandler(listener)
    ids = loaded.encode(TEXT, add_special_tokens=False)
    case = {"size": size, "config": config, "model": model, "pre_tokenizer": pre_tokenizer}
    return {**case, "ids": ids, "warns": listener.heard}


def main() -> None:
    base = json.loads((FIXTURES / "qwen" / "tokenizer.json").read_text())
    cases = [run(base, 100_001, *case) for case in CASES]
    cases.append(run(base, 99_999, FIX, OLD, WRONG))
    (FIXTURES / "mistral-regex.json").write_text(json.dumps({"text": TEXT, "merges": MERGES, "cases": cases}, ensure_ascii=False) + "\n")
    print(len(cases), "cases,", sum(case["warns"] for case in cases), "warn")


if __name__ == "__main__":
    main()
