"""Writes packages/tokenizer/src/unicode/data.ts: the properties of characters as Python's `tokenizers` sees them.

    python tools/reference/tokenizer_unicode.py

Its parts know different versions of Unicode (normal forms that of 9.0, patterns a newer one), and a JavaScript engine knows
its own. So each property is asked of `tokenizers` itself, for every character, and written down.
"""

import unicodedata
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

OUT = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "src" / "unicode" / "data.ts"
CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
# One letter for each category, in that order.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#%"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(n: int) -> str:
    return (base36(n // 36) if n >= 36 else "") + DIGITS[n % 36]


def matches(pattern: str) -> set[int]:
    split = pre_tokenizers.Split(Regex(f"[^{pattern}]+"), "removed")
    return {ord(c) for piece, _ in split.pre_tokenize_str("".join(map(chr, CODES))) for c in piece}


def isolated(pre_tokenizer) -> set[int]:
    """The characters that stand alone between letters."""
    text = "".join("a" + chr(c) for c in CODES) + "a"
    return {ord(p) for p, _ in pre_tokenizer.pre_tokenize_str(text) if len(p) == 1 and p != "a"}


def word_characters() -> set[int]:
    """Characters that \\w of Rust's regex matches."""
    text = " ".join("a" + chr(c) for c in CODES)
    pieces = pre_tokenizers.Whitespace().pre_tokenize_str(text)
    return {ord("a")} | {ord(p[1]) for p, _ in pieces if len(p) == 2 and p[0] == "a"}


def emptied(normalizer) -> set[int]:
    return {c for c in CODES if normalizer.normalize_str(chr(c)) == ""}


def combining_classes() -> dict[int, int]:
    """Canonical combining classes, of the characters that the reference moves."""
    nfd, classes = normalizers.NFD(), {}
    for c in CODES:
        own = unicodedata.combining(chr(c))
        other = 0x0334 if own > 1 else 0x0301
        if own and nfd.normalize_str("a" + chr(c) + chr(other) + chr(c)) not in ("a" + chr(c) + chr(other) + chr(c),):
            classes[c] = own
    return classes


def inert(classes: dict[int, int]) -> set[int]:
    """Characters that are too new for the reference's normal forms: they neither decompose nor move there."""
    nfd, nfkd, found = normalizers.NFD(), normalizers.NFKD(), set()
    for c in CODES:
        char = chr(c)
        late = unicodedata.category(char) == "Cn"
        late |= bool(unicodedata.combining(char)) and c not in classes
        late |= nfd.normalize_str(char) == char != unicodedata.normalize("NFD", char)
        late |= nfkd.normalize_str(char) == char != unicodedata.normalize("NFKD", char)
        if late and not unicodedata.is_normalized("NFD", char) or late and nfkd.normalize_str(char) == char:
            found.add(c)
    return found


def scripts() -> list[int]:
    """A number for each character's script as UnicodeScripts has it; 0 for characters that go with any."""
    split = pre_tokenizers.UnicodeScripts()

    def apart(text: str) -> bool:
        return len(split.pre_tokenize_str(text)) == 2

    numbers, representatives, last = [], [], None
    for c in CODES:
        char = chr(c)
        if last is not None and last[0] == (number := script_of(char, representatives, apart, last)):
            numbers.append(number)
            continue
        number = script_of(char, representatives, apart, None)
        last = (number, char)
        numbers.append(number)
    return numbers


def script_of(char: str, representatives: list[str], apart, last) -> int:
    if last is not None:
        # Characters mostly have the script of the one before.
        number, before = last
        if number > 0:
            return number if not apart(before + char) and apart(("a" if before != "a" and number != 1 else "я") + char) else -1
        return 0 if not apart("a" + char) and not apart("я" + char) else -1
    if not apart("a" + char) and not apart("я" + char):
        return 0
    for i, representative in enumerate(representatives):
        if not apart(representative + char):
            return i + 1
    representatives.append(char)
    return len(representatives)


def runs_of_set(members: set[int]) -> str:
    """Gap, length, gap, length …, in base 36."""
    out, at, start = [], 0, None
    for c in range(0x110001):
        inside = c in members
        if inside and start is None:
            start = c
        if not inside and start is not None:
            out += [base36(start - at), base36(c - start)]
            at, start = c, None
    return " ".join(out)


def runs_of_values(values: list[int]) -> str:
    """Value, length, value, length …, in base 36."""
    out, start = [], 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[start]:
            out += [base36(values[start]), base36(i - start)]
            start = i
    return " ".join(out)


def general_categories() -> str:
    values = [LETTERS[-1]] * 0x110000
    for letter, category in zip(LETTERS, CATEGORIES):
        for c in matches(f"\\p{{{category}}}"):
            values[c] = letter
    out, start = [], 0
    for i in range(1, len(values) + 1):
        if i == len(values) or values[i] != values[start]:
            out.append(values[start] + ("" if i - start == 1 else base36(i - start)))
            start = i
    return "".join(out)


def lower_case() -> str:
    """Pairs of characters and their lower case that came after Unicode 14, which an engine may not know."""
    lower = normalizers.Lowercase()
    pairs = [(c, lower.normalize_str(chr(c))) for c in CODES]
    return " ".join(f"{base36(c)} {base36(ord(l))}" for c, l in pairs if l != chr(c) and l != chr(c).lower())


def main() -> None:
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    classes = combining_classes()
    full = [0] * 0x110000
    for c, value in classes.items():
        full[c] = value
    script = dict(zip(CODES, scripts()))
    parts = {
        "GENERAL_CATEGORIES": ("General category: a letter and the length of the run, in base 36.", general_categories()),
        "WORD": ("`\\\\w` of Rust's regex.", runs_of_set(word_characters())),
        "NUMERIC": ("`char::is_numeric` of Rust.", runs_of_set(isolated(pre_tokenizers.Digits(individual_digits=True)))),
        "PUNCTUATION": ("Punctuation as the pre-tokenizers have it.", runs_of_set(isolated(pre_tokenizers.Punctuation()))),
        "CONTROL": (
            "Characters that BertNormalizer removes.",
            runs_of_set(emptied(normalizers.BertNormalizer(**{**bert, "clean_text": True}))),
        ),
        "NONSPACING_MARK": (
            "Marks that BertNormalizer strips from decomposed text.",
            runs_of_set(emptied(normalizers.BertNormalizer(**{**bert, "strip_accents": True}))),
        ),
        "COMBINING_MARK": ("Marks that StripAccents strips.", runs_of_set(emptied(normalizers.StripAccents()))),
        "COMBINING_CLASSES": ("Canonical combining classes: value and length of the run.", runs_of_values(full)),
        "INERT": ("Characters that normal forms leave alone, since they do not know them.", runs_of_set(inert(classes))),
        "SCRIPTS": (
            "Scripts as UnicodeScripts has them: number and length of the run; 0 goes with any.",
            runs_of_values([script.get(c, 0) for c in range(0x110000)]),
        ),
        "LOWER_CASE": ("Lower case that came after Unicode 14: character and its lower case.", lower_case()),
    }
    lines = ["/** Properties of characters. Written by tools/reference/tokenizer_unicode.py: do not edit. */", ""]
    for name, (doc, data) in parts.items():
        lines += [f"/** {doc} */", f"export const {name} =", f'  "{data}";', ""]
        print(f"{name}: {len(data):,} bytes")
    OUT.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
