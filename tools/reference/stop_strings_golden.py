"""Makes packages/generation/test/__fixtures__/stop-strings.json: where transformers' StopStringCriteria ends token sequences.

    python tools/reference/stop_strings_golden.py

Needs transformers 5.18.0. The tokenizers are those of packages/tokenizer/test/__fixtures__ and of the sample model: two byte-level
ones, byte fallback with a normalizer and with Metaspace. A stop string is a piece of what the tokens spell, special tokens included:
it may begin in the prompt, within a token, or in the name of a special token.
"""

import random
from pathlib import Path

import torch
from transformers import AutoTokenizer
from transformers.generation import StopStringCriteria

from golden_io import write_json

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "packages" / "tokenizer" / "test" / "__fixtures__"
OUT = ROOT / "packages" / "generation" / "test" / "__fixtures__" / "stop-strings.json"
FOLDERS = {name: FIXTURES / name for name in ("qwen", "llama3", "mixtral", "metaspace")}
FOLDERS["sample-afmoe"] = ROOT / "models" / "sample-afmoe"
TEXT = "It is a truth, universally acknowledged. Zwölf Boxkämpfer, 我能吞下玻璃 and 🦉🦉 emoji!\n\nUser: go on "
CASES = 40


def main() -> None:
    torch.set_num_threads(1)
    write_json(OUT, {name: _cases(folder) for name, folder in FOLDERS.items()}, indent=None)


def _cases(folder: Path) -> list[dict]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    draw = random.Random(7)
    words = tokenizer.encode(TEXT, add_special_tokens=False)
    special = sorted(tokenizer.all_special_ids)
    cases = []
    while len(cases) < CASES:
        ids = [_token(draw, words, special, len(tokenizer)) for _ in range(24)]
        spelled = tokenizer.decode(ids)
        stops = [_stop(draw, spelled, tokenizer) for _ in range(draw.randint(1, 3))]
        # A replacement character stands for bytes that are none.
        if any("\ufffd" in stop or not stop for stop in stops):
            continue
        prompt = draw.randint(1, 12)
        criteria = StopStringCriteria(tokenizer, stops)
        ends = [n for n in range(prompt + 1, len(ids) + 1) if criteria(torch.tensor([ids[:n]]), None).item()]
        cases.append({"ids": ids, "prompt": prompt, "stops": stops, "new": ends[0] - prompt if ends else None})
    return cases


def _token(draw: random.Random, words: list[int], special: list[int], size: int) -> int:
    kind = draw.random()
    if kind < 0.15:
        return draw.choice(special)
    return draw.choice(words) if kind < 0.8 else draw.randrange(size)


def _stop(draw: random.Random, spelled: str, tokenizer) -> str:
    if draw.random() < 0.2:
        return tokenizer.decode([draw.choice(tokenizer.all_special_ids)])
    begin = draw.randrange(len(spelled))
    return spelled[begin : begin + draw.randint(1, 9)]


if __name__ == "__main__":
    main()
