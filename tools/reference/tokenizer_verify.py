"""Encodes and decodes random texts with Python's tokenizers, and writes a hash of the results for each block of texts.

    python tools/reference/tokenizer_verify.py FOLDER... --out DIRECTORY [--blocks 100] [--size 1000] [--dump BLOCK]

Each folder holds a tokenizer's files, and perhaps a config.json; it is loaded as AutoTokenizer does. For each, a file
NAME.json is written, which packages/tokenizer/test/long/vocabularies.test.ts compares with. --dump writes the results of one block.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

from random_texts import RandomTexts
from transformers import AutoTokenizer
from transformers.utils import logging

logging.set_verbosity_error()
SEED = 20


def units(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    """Offsets in UTF-16 units, from offsets in characters."""
    at = [0]
    for char in text:
        at.append(at[-1] + (2 if ord(char) > 0xFFFF else 1))
    return [at[i] for pair in offsets for i in pair]


def results(tokenizer, text: str, ids: list[int]) -> list:
    backend = tokenizer.backend_tokenizer
    whole = backend.encode(text)
    plain = backend.encode(text, add_special_tokens=False).ids
    decoded = [tokenizer.decode(i, skip_special_tokens=s) for i in (whole.ids, ids) for s in (False, True)]
    return [whole.ids, plain, units(text, whole.offsets), decoded]


def serialized(result: list) -> str:
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))


def verify(folder: Path, blocks: int, size: int, dump: int | None) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    added = sorted(backend.get_added_tokens_decoder().items())
    tokens = [token.content for _, token in added][:200] or [" "]
    vocab_size = max(backend.get_vocab().values()) + 1
    hashes, dumped = [], []
    for block in range(blocks):
        texts = RandomTexts(SEED + block, tokens)
        digest = hashlib.sha256()
        for _ in range(size):
            text = texts.text()
            ids = texts.ids(vocab_size + 2)
            result = results(tokenizer, text, ids)
            digest.update(serialized(result).encode())
            if block == dump:
                dumped.append([text, ids, result])
        hashes.append(digest.hexdigest()[:16])
    named = {key: getattr(tokenizer, key) for key in ("bos_token", "eos_token", "pad_token", "unk_token")}
    return {
        "name": folder.name,
        "class": type(tokenizer).__name__,
        "vocabSize": vocab_size,
        "seed": SEED,
        "size": size,
        "tokens": tokens,
        "named": named,
        "hashes": hashes,
        **({"dump": dumped} if dump is not None else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--blocks", type=int, default=100)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--dump", type=int)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for folder in args.folders:
        result = verify(folder, args.blocks, args.size, args.dump)
        text = json.dumps(result, ensure_ascii=True)
        (args.out / f"{folder.name}.json").write_text(text + "\n")
        print(f"{folder.name}: {result['class']}, {args.blocks * args.size:,} texts", flush=True)


if __name__ == "__main__":
    main()
