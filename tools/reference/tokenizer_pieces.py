"""Makes packages/tokenizer/test/__fixtures__/pieces.json.gz: tokenizers of random stages, and what Python makes of texts.

    python tools/reference/tokenizer_pieces.py [--cases 400] [--texts 12] [--seed 5] [--out FILE]

Every normalizer, pre-tokenizer, model, post-processor and decoder of tokenizers 0.23 is drawn, with all options, and added
tokens with all options. Where Python refuses a tokenizer, or panics at a text, that is written down too.
"""

import argparse
import base64
import gzip
import json
import random
import struct
from pathlib import Path

from random_texts import RandomTexts
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "packages" / "tokenizer" / "test" / "__fixtures__"
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
O200K = (
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
CL100K = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*"
    "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"
)
DEEPSEEK = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
QWEN35 = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
PATTERNS = [
    {"String": " "},
    {"String": "a"},
    {"String": "ab"},
    {"String": ""},
    {"String": "▁"},
    *({"Regex": r} for r in [GPT2, O200K, CL100K, DEEPSEEK, QWEN35, TEKKEN, "[一-龥\u3040-ゟ゠-ヿ]+", "\\p{N}{1,3}", "\\p{N}", "\\s+"]),
    *({"Regex": r} for r in ["[0-9]", "\\w+", "[a-z]+|[A-Z]", "a*", "\\d{2}", "^a", "b$", "(?<=a)b", "\\p{P}"]),
]  # fmt: skip
TOKENS = ["<s>", "</s>", "[UNK]", "[X]", "ing", "the", " a", "É", "Foo", "foo", "  ", "\n\n", "人", "▁", "<|im_end|>", "a", "ab", "abc",
          "__proto__", "constructor", "😀", "é"]  # fmt: skip


def charsmap() -> str:
    """A map of characters as sentencepiece writes it, small: a double array built by hand."""
    rules = {"ﬁ": "fi", "½": "1/2", "Ａ": "A", "é": "E", "①": "1", "㍿": "株式会社", "\u200b": "", "\r\n": "\n", "\t": " ", "e\u0301": "é",
             "\u0301": "", "ΑΣ": "x", "がé": "y"}  # fmt: skip
    texts, offsets = b"", {}
    for key, value in rules.items():
        offsets[key.encode()] = len(texts)
        texts += value.encode() + b"\0"
    root: dict = {}
    for key in offsets:
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[0] = offsets[key]
    units: dict[int, int] = {}
    free = [1]

    def place(node: dict) -> int:
        base = free[0]
        while any((base ^ byte) in units for byte in node) or base in units:
            base += 1
        for byte in node:
            units[base ^ byte] = 0
        units.setdefault(base, 0)
        return base

    def build(node: dict, position: int) -> None:
        base = place(node)
        offset = position ^ base
        assert offset < 1 << 21
        units[position] = (units.get(position, 0) & 0xFF) | (offset << 10) | ((1 << 8) if 0 in node else 0)
        for byte, child in node.items():
            if byte == 0:
                units[base] = child | (1 << 31)
            else:
                units[base ^ byte] = byte
                build(child, base ^ byte)

    units[0] = 0
    build(root, 0)
    size = max(units) + 256
    array = [units.get(i, 0) for i in range(size)]
    return base64.b64encode(struct.pack("<I", 4 * size) + struct.pack(f"<{size}I", *array) + texts).decode()


def small_models() -> dict[str, dict]:
    corpus = json.loads((FIXTURES / "corpus.json").read_text())
    lines = corpus["lines"] + corpus["tricky"]
    made = {name: json.loads((FIXTURES / name / "tokenizer.json").read_text())["model"] for name in ("qwen", "mixtral")}
    word_piece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    word_piece.normalizer, word_piece.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    word_piece.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=900, special_tokens=["[UNK]"], show_progress=False))
    made["wordPiece"] = json.loads(word_piece.to_str())["model"]
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=900, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    unigram.train_from_iterator(lines, trainer)
    made["unigram"] = json.loads(unigram.to_str())["model"]
    # The scores of the trainer are not the same at every run.
    made["unigram"]["vocab"] = [[t, round(s, 3)] for t, s in made["unigram"]["vocab"]]
    byte_tokens = [[f"<0x{b:02X}>", -9.5] for b in range(256)]
    made["unigramBytes"] = {**made["unigram"], "byte_fallback": True, "vocab": made["unigram"]["vocab"] + byte_tokens}
    words = sorted({w for line in lines for w in line.split()})
    made["wordLevel"] = {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(["[UNK]", *words])}}
    chars = sorted({c for line in lines[:20] for c in line})
    made["suffixes"] = {
        "type": "BPE", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>", "fuse_unk": False,
        "vocab": {t: i for i, t in enumerate(["[UNK]", *chars, *(f"##{c}" for c in chars), *(f"##{c}</w>" for c in chars),
                                              *(f"{c}</w>" for c in chars), "th", "the</w>", "##in", "##ing</w>", "__proto__"])},
        "merges": [["t", "##h"], ["th", "##e</w>"], ["##i", "##n"], ["##in", "##g</w>"]],
    }  # fmt: skip
    return made


class Drawer:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.charsmap = charsmap()
        self.chance = self.random.random
        self.pick = self.random.choice

    def flag(self) -> bool:
        return self.chance() < 0.5

    def case(self, names: list[str]) -> dict:
        return {
            "model": self.pick(names),
            "options": self.options(),
            "normalizer": self.maybe(self.normalizer, "normalizers"),
            "pre_tokenizer": self.maybe(self.pre_tokenizer, "pretokenizers"),
            "post_processor": self.maybe(self.post_processor, "processors"),
            "decoder": self.maybe(self.decoder, "decoders"),
            "added_tokens": [self.added(100_000 + i) for i in range(self.random.randrange(7))],
        }

    def options(self) -> dict:
        """Of a BPE."""
        if self.flag():
            return {}
        return {
            "fuse_unk": self.flag(),
            "byte_fallback": self.flag(),
            "ignore_merges": self.flag(),
            "unk_token": self.pick([None, "<unk>", "a"]),
        }

    def maybe(self, draw, key: str):
        kind = self.chance()
        if kind < 0.2:
            return None
        if kind < 0.6:
            return draw()
        return {"type": "Sequence", key: [draw() for _ in range(self.random.randrange(1, 4))]}

    def added(self, id: int) -> dict:
        options = {key: self.chance() < 0.3 for key in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        return {"id": id, "content": self.pick(TOKENS), **options}

    def normalizer(self) -> dict:
        kind = self.pick("Bert ByteLevel Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Strip StripAccents".split())
        fields = {
            "Bert": lambda: {"clean_text": self.flag(), "handle_chinese_chars": self.flag(), "lowercase": self.flag(),
                             "strip_accents": self.pick([None, True, False])},
            "Precompiled": lambda: {"precompiled_charsmap": self.charsmap},
            "Prepend": lambda: {"prepend": self.pick(["▁", "ab", "É"])},
            "Replace": lambda: {"pattern": self.pick(PATTERNS), "content": self.pick(["", "▁", "xy", "é"])},
            "Strip": lambda: {"strip_left": self.flag(), "strip_right": self.flag()},
        }  # fmt: skip
        return {"type": "BertNormalizer" if kind == "Bert" else kind, **fields.get(kind, dict)()}

    def pre_tokenizer(self) -> dict:
        kind = self.pick(
            "BertPreTokenizer ByteLevel CharDelimiterSplit Digits FixedLength Metaspace Punctuation Split Split Split UnicodeScripts "
            "Whitespace WhitespaceSplit".split()
        )
        fields = {
            "ByteLevel": lambda: {"add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": self.flag()},
            "CharDelimiterSplit": lambda: {"delimiter": self.pick(" aé")},
            "Digits": lambda: {"individual_digits": self.flag()},
            "FixedLength": lambda: {"length": self.random.randrange(1, 6)},
            "Metaspace": lambda: {"replacement": self.pick("▁_"), "prepend_scheme": self.pick(["first", "always", "never"]),
                                  "split": self.flag()},
            "Punctuation": lambda: {"behavior": self.pick(BEHAVIORS)},
            "Split": lambda: {"pattern": self.pick(PATTERNS), "behavior": self.pick(BEHAVIORS), "invert": self.chance() < 0.3},
        }  # fmt: skip
        return {"type": kind, **fields.get(kind, dict)()}

    def post_processor(self) -> dict:
        kind = self.pick("BertProcessing ByteLevel RobertaProcessing TemplateProcessing".split())
        ends = {"sep": ["</s>", 7], "cls": ["<s>", 3]}
        trims = {"trim_offsets": self.flag(), "add_prefix_space": self.flag()}
        special = {"id": "[X]", "ids": [5, 6], "tokens": ["[X]", "[Y]"]}
        text = {"Sequence": {"id": "A", "type_id": 0}}
        token = {"SpecialToken": {"id": "[X]", "type_id": 0}}
        fields = {
            "BertProcessing": lambda: ends,
            "ByteLevel": lambda: trims,
            "RobertaProcessing": lambda: {**ends, **trims},
            "TemplateProcessing": lambda: {
                "single": self.pick([[token, text], [text, token], [token, text, token], [text], [text, text]]),
                "pair": [text, token, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[X]": special},
            },
        }
        return {"type": kind, **fields[kind]()}

    def decoder(self) -> dict:
        kind = self.pick("BPEDecoder ByteFallback ByteLevel CTC Fuse Metaspace Replace Strip WordPiece".split())
        fields = {
            "BPEDecoder": lambda: {"suffix": self.pick(["</w>", "a", "##"])},
            "ByteLevel": lambda: {"add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "CTC": lambda: {"pad_token": "a", "word_delimiter_token": self.pick("|e"), "cleanup": self.flag()},
            "Metaspace": lambda: {"replacement": "▁", "prepend_scheme": self.pick(["first", "always", "never"]), "split": True},
            "Replace": lambda: {"pattern": self.pick(PATTERNS), "content": self.pick(["", " ", "xy"])},
            "Strip": lambda: {"content": self.pick(" a"), "start": self.random.randrange(3), "stop": self.random.randrange(2)},
            "WordPiece": lambda: {"prefix": self.pick(["##", "a"]), "cleanup": self.flag()},
        }
        return {"type": kind, **fields.get(kind, dict)()}


def units(text: str, offsets: list[tuple[int, int]]) -> list[int]:
    at = [0]
    for char in text:
        at.append(at[-1] + (2 if ord(char) > 0xFFFF else 1))
    return [at[min(i, len(text))] for pair in offsets for i in pair]


def attempt(run):
    try:
        return run()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"error": type(error).__name__, "message": str(error)[:120]}


def results(case: dict, made: dict[str, dict], seed: int, count: int) -> list | dict:
    model = made[case["model"]]
    if model["type"] == "BPE":
        model = {**model, **case["options"]}
    stages = {key: value for key, value in case.items() if key not in ("model", "options")}
    tokenizer = attempt(lambda: Tokenizer.from_str(json.dumps({"version": "1.0", "model": model, **stages})))
    if isinstance(tokenizer, dict):
        return tokenizer
    texts = RandomTexts(seed, TOKENS)
    size = max(tokenizer.get_vocab().values()) + 1
    out = []
    for _ in range(count):
        text, ids = texts.text(), texts.ids(size + 2)

        def one(text=text, ids=ids) -> list:
            whole = tokenizer.encode(text)
            plain = tokenizer.encode(text, add_special_tokens=False).ids
            return [whole.ids, plain, units(text, whole.offsets)]

        decoded = [attempt(lambda s=s: tokenizer.decode(ids, skip_special_tokens=s)) for s in (False, True)]
        out.append([attempt(one), decoded])
    return out


def empties_a_token(case: dict) -> bool:
    """Whether the normalizer leaves nothing of an added token, which the package refuses."""
    if case["normalizer"] is None:
        return False
    model = {"type": "WordLevel", "vocab": {}, "unk_token": ""}
    normalizer = Tokenizer.from_str(json.dumps({"model": model, "normalizer": case["normalizer"]})).normalizer
    return any(t["normalized"] and normalizer.normalize_str(t["content"]) == "" for t in case["added_tokens"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--texts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=FIXTURES / "pieces.json.gz")
    args = parser.parse_args()
    made = small_models()
    drawer = Drawer(args.seed)
    cases = []
    for i in range(args.cases):
        case = drawer.case(sorted(made))
        if not empties_a_token(case):
            cases.append({**case, "seed": i, "results": results(case, made, i, args.texts)})
    data = json.dumps({"tokens": TOKENS, "models": made, "cases": cases}, ensure_ascii=True, separators=(",", ":"))
    args.out.write_bytes(gzip.compress(data.encode(), 9, mtime=0))
    refused = sum(isinstance(case["results"], dict) for case in cases)
    print(f"{len(cases)} tokenizers, of which Python refuses {refused}; {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
