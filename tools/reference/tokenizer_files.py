"""Makes packages/tokenizer/test/__fixtures__/files.json.gz: folders whose files say this and that about tokens, and what
AutoTokenizer of transformers makes of them.

    python tools/reference/tokenizer_files.py [--cases 620] [--seed 103] [--out FILE]

The files are drawn at random around the small tokenizers of the fixtures: classes, named and extra special tokens as texts and
as objects, `added_tokens_decoder`, `special_tokens_map.json`, `added_tokens.json`, `config.json`, in agreement or not.
"""

import argparse
import gzip
import json
import os
import random
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from random_texts import RandomTexts
from transformers import AutoTokenizer
from transformers.utils import logging

logging.set_verbosity_error()
FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "test" / "__fixtures__"
BASES = ["qwen", "llama3", "mixtral", "metaspace"]
CLASSES = [None, "PreTrainedTokenizerFast", "TokenizersBackend", "LlamaTokenizer", "LlamaTokenizerFast", "Qwen2Tokenizer",
           "Qwen2TokenizerFast", "GPT2Tokenizer", "GPTNeoXTokenizerFast", "GemmaTokenizer", "CohereTokenizer", "NoSuchTokenizer",
           "Qwen3_5Tokenizer"]  # fmt: skip
MODEL_TYPES = [None, None, "mixtral", "qwen3_moe", "afmoe", "olmoe", "qwen2_moe", "deepseek_v3"]
CONTENTS = ["<s>", "</s>", "<unk>", "<|im_end|>", "<|endoftext|>", "[PAD]", "<new>", "the", "<tool>", "<|im_start|>", "__proto__"]
KEYS = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "image_token"]


class Drawer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def options(self) -> dict:
        keys = ("single_word", "lstrip", "rstrip", "normalized", "special")
        return {key: self.chance(0.4) for key in keys}

    def named(self, objects: str):
        content = self.pick(CONTENTS)
        if objects == "none" or self.chance(0.6):
            return content
        options = {key: value for key, value in self.options().items() if key != "special" or self.chance(0.5)}
        return {"content": content, **options, **({"__type": "AddedToken"} if objects == "typed" else {})}

    def config(self) -> dict:
        config: dict = {}
        name = self.pick(CLASSES)
        if name:
            config["tokenizer_class"] = name
        for key in KEYS:
            if self.chance(0.3):
                config[key] = self.named("typed") if key != "image_token" else self.pick(CONTENTS)
            elif self.chance(0.1) and key != "image_token":
                config[key] = None
        for key in ("additional_special_tokens", "extra_special_tokens"):
            if self.chance(0.2):
                config[key] = [self.pick(CONTENTS) for _ in range(self.random.randrange(3))]
        if self.chance(0.1):
            config["extra_special_tokens"] = {"tool_token": self.pick(CONTENTS)}
        for key, p in (("add_bos_token", 0.2), ("add_eos_token", 0.2), ("add_prefix_space", 0.2), ("legacy", 0.2),
                       ("clean_up_tokenization_spaces", 0.2), ("split_special_tokens", 0.1)):  # fmt: skip
            if self.chance(p):
                config[key] = self.chance(0.5)
        if self.chance(0.3):
            config["added_tokens_decoder"] = {
                str(self.random.randrange(600)): {"content": content, **self.options()}
                for content in self.random.sample(CONTENTS, self.random.randrange(4))
            }
        return config

    def files(self) -> dict[str, dict]:
        files: dict[str, dict] = {}
        if self.chance(0.9):
            files["tokenizer_config.json"] = self.config()
        if self.chance(0.4):
            keys = [key for key in KEYS if self.chance(0.3) and key != "image_token"]
            files["special_tokens_map.json"] = {key: self.named("plain") for key in keys}
            if self.chance(0.2):
                files["special_tokens_map.json"]["additional_special_tokens"] = [self.pick(CONTENTS)]
        if self.chance(0.3):
            files["added_tokens.json"] = {self.pick(CONTENTS): self.random.randrange(700) for _ in range(2)}
        model_type = self.pick(MODEL_TYPES)
        if model_type:
            files["config.json"] = {"model_type": model_type}
        return files

    def tokenizer(self, base: dict) -> dict:
        if self.chance(0.5):
            return {}
        added = [{"id": token["id"], **token} for token in base["added_tokens"]]
        for _ in range(self.random.randrange(3)):
            added.append({"id": 900 + len(added), "content": self.pick(CONTENTS), **self.options()})
        padding = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
                   "pad_token": "[PAD]"}  # fmt: skip
        truncation = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
        return {
            "added_tokens": added,
            **({"padding": padding} if self.chance(0.2) else {}),
            **({"truncation": truncation} if self.chance(0.2) else {}),
        }


def load(base: dict, case: dict):
    with tempfile.TemporaryDirectory() as folder:
        files = {"tokenizer.json": {**base, **case["tokenizer"]}, **case["files"]}
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        return AutoTokenizer.from_pretrained(folder)


def results(base: dict, case: dict, seed: int) -> dict:
    try:
        tokenizer = load(base, case)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:160]}
    texts = RandomTexts(seed, CONTENTS)
    size = max(tokenizer.get_vocab().values()) + 1
    encoded = []
    for _ in range(6):
        text, ids = texts.text(), texts.ids(size)
        try:
            out = tokenizer(text)["input_ids"]
        except Exception as error:
            encoded.append({"error": str(error)[:160]})
            continue
        decoded = [tokenizer.decode(i, skip_special_tokens=s) for i in (out, ids) for s in (False, True)]
        encoded.append([out, decoded])
    named = {key: getattr(tokenizer, key) for key in KEYS[:4]}
    return {
        "class": type(tokenizer).__name__,
        "vocabSize": size,
        "named": {key: [value, tokenizer.convert_tokens_to_ids(value) if value else None] for key, value in named.items()},
        "encoded": encoded,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=620)
    parser.add_argument("--seed", type=int, default=103)
    parser.add_argument("--out", type=Path, default=FIXTURES / "files.json.gz")
    args = parser.parse_args()
    drawer = Drawer(args.seed)
    bases = {name: json.loads((FIXTURES / name / "tokenizer.json").read_text()) for name in BASES}
    cases = []
    for i in range(args.cases):
        name = drawer.pick(BASES)
        case = {"base": name, "files": drawer.files(), "tokenizer": drawer.tokenizer(bases[name]), "seed": i}
        cases.append({**case, "results": results(bases[name], case, i)})
    data = json.dumps({"contents": CONTENTS, "cases": cases}, ensure_ascii=True, separators=(",", ":"))
    args.out.write_bytes(gzip.compress(data.encode(), 9, mtime=0))
    refused = sum("error" in case["results"] for case in cases)
    print(f"{len(cases)} folders, of which Python refuses {refused}; {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
