"""Encodes and decodes 100,000 texts with Python's tokenizers, and writes a hash of the results for each thousand.

    python tools/reference/tokenizer_verify.py DIRECTORY [--only NAME...] [--dump BLOCK]

DIRECTORY is what vocabulary_sources.py made. Each tokenizer of DIRECTORY/vocabularies is loaded as AutoTokenizer does, and gets the
50,000 real texts, then 50,000 random ones, all distinct. What it makes of them goes to NAME.json in
packages/tokenizer/test/__fixtures__/vocabularies, which packages/tokenizer/test/long/vocabularies.test.ts compares with.
--dump writes the texts and results of one block to DIRECTORY/NAME-BLOCK.json instead.
"""

import argparse
import gzip
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

from random_texts import RandomTexts
from transformers import AutoTokenizer
from transformers.utils import logging

logging.set_verbosity_error()
FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "test" / "__fixtures__" / "vocabularies"
SEED, BLOCKS, SIZE = 20, 100, 1000


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


def distinct(random: RandomTexts, seen: set[str]) -> Iterator[str]:
    while True:
        text = random.text()
        if text not in seen:
            seen.add(text)
            yield text


def verify(folder: Path, real: list[str], dump: int | None) -> tuple[dict, list]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    added = sorted(backend.get_added_tokens_decoder().items())
    tokens = [token.content for _, token in added][:200] or [" "]
    vocab_size = max(backend.get_vocab().values()) + 1
    random = RandomTexts(SEED, tokens)
    texts = chain(real, distinct(random, set(real)))
    hashes, dumped = [], []
    for block in range(BLOCKS):
        digest = hashlib.sha256()
        for text in islice(texts, SIZE):
            ids = random.ids(vocab_size + 2)
            result = results(tokenizer, text, ids)
            digest.update(serialized(result).encode())
            if block == dump:
                dumped.append([text, ids, result])
        hashes.append(digest.hexdigest()[:16])
        if block == dump:
            break
    named = {key: getattr(tokenizer, key) for key in ("bos_token", "eos_token", "pad_token", "unk_token")}
    files = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.json"))))
    return {
        "class": type(tokenizer).__name__,
        "files": files.hexdigest()[:16],
        "vocabSize": vocab_size,
        "seed": SEED,
        "size": SIZE,
        "tokens": tokens,
        "named": named,
        "hashes": hashes,
    }, dumped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", nargs="+", help="names of vocabularies")
    parser.add_argument("--dump", type=int, metavar="BLOCK")
    args = parser.parse_args()
    real = json.loads(gzip.decompress((args.directory / "texts.json.gz").read_bytes()))
    for folder in sorted((args.directory / "vocabularies").iterdir()):
        if args.only and folder.name not in args.only:
            continue
        result, dumped = verify(folder, real, args.dump)
        if args.dump is None:
            FIXTURES.mkdir(exist_ok=True)
            (FIXTURES / f"{folder.name}.json").write_text(json.dumps(result, ensure_ascii=True) + "\n")
        else:
            (args.directory / f"{folder.name}-{args.dump}.json").write_text(json.dumps(dumped))
        print(f"{folder.name}: {result['class']}, {len(result['hashes']) * SIZE:,} texts", flush=True)


if __name__ == "__main__":
    main()
