"""Texts of many scripts from a seed: the same ones as packages/tokenizer/test/random-texts.ts makes."""

import json
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "test" / "__fixtures__" / "corpus.json"

RANGES = [
    (0x20, 0x7F), (0xA0, 0x17F), (0x180, 0x24F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xB80, 0xBFF), (0xE00, 0xE7F), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF),
    (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2100, 0x214F), (0x2150, 0x218F), (0x2460, 0x24FF), (0x3000, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF),
    (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F64F), (0x20000, 0x2A6DF),
]  # fmt: skip
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\r", "\u00a0", "\u3000", "\u2028", "\u0085", "\ufeff", "\u200b", "\u000b"]
SYMBOLS = "0123456789.,-+*/='\"`()[]{}<>|_~^&%$#@!?;:\\"
BASES = "aeiouncsdAEIOUNKgkнийαω"


class Random:
    """mulberry32."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, n: int) -> int:
        self.state = (self.state + 0x6D2B79F5) & 0xFFFFFFFF
        t = self.state
        t = (t ^ t >> 15) * (t | 1) & 0xFFFFFFFF
        t ^= (t + ((t ^ t >> 7) * (t | 61) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (t ^ t >> 14) % n

    def pick(self, items):
        return items[self.below(len(items))]


class RandomTexts:
    def __init__(self, seed: int, tokens: list[str]) -> None:
        corpus = json.loads(CORPUS.read_text())
        self.lines, self.tricky, self.tokens = corpus["lines"], corpus["tricky"], tokens
        self.random = Random(seed)

    def text(self) -> str:
        return "".join(self.segment() for _ in range(1 + self.random.below(6)))

    def ids(self, size: int) -> list[int]:
        return [self.random.below(size) for _ in range(1 + self.random.below(12))]

    def segment(self) -> str:
        r = self.random
        kind = r.below(12)
        if kind < 4:
            line = r.pick(self.lines)
            start = r.below(len(line))
            return line[start : start + 1 + r.below(60)]
        if kind == 4:
            first, last = r.pick(RANGES)
            return self.repeat(12, lambda: chr(first + r.below(last - first + 1)))
        if kind == 5:
            return self.repeat(6, self.any_character)
        if kind == 6:
            return self.repeat(4, lambda: r.pick(SPACES))
        if kind == 7:
            return r.pick(self.tokens)
        if kind == 8:
            return self.repeat(20, lambda: chr(32 + r.below(95)))
        if kind == 9:
            return self.repeat(12, lambda: r.pick(SYMBOLS))
        if kind == 10:
            return self.repeat(5, lambda: r.pick(BASES) + self.repeat(3, lambda: chr(0x300 + r.below(112))))
        return r.pick(self.tricky)

    def repeat(self, most: int, make) -> str:
        return "".join(make() for _ in range(1 + self.random.below(most)))

    def any_character(self) -> str:
        code = self.random.below(0x110000 - 0x800)
        return chr(code if code < 0xD800 else code + 0x800)
