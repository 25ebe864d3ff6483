"""Makes the fixtures of packages/regex: what Python's re and the Oniguruma of tokenizers match.

    python tools/reference/regex_golden.py

Needs tokenizers 0.23.3 and Python 3.11. Writes packages/regex/test/__fixtures__/{python,oniguruma}.json.gz and classes.json.gz:
patterns by hand and by a seeded grammar, each with what it matches in some texts; and the code points of each class.
"""

import gzip
import json
import random
import re
import unicodedata
import warnings
from pathlib import Path

from tokenizers import Regex, normalizers

OUT = Path(__file__).resolve().parents[2] / "packages" / "regex" / "test" / "__fixtures__"
MARK = "\ue000"
SKIP = "skip"
TEXTS = [
    "a", "b", "ab", "aab", "aaab b", "abcabc", "AbC", "a\n", "a\nb\n", "\n", "\n\n", "a1_b2", "foo.bar", " a  b ",
    "ß ẞ ss SS", "ſ K k S s", "İ i ı I", "é e\u0301", "中文 12", "😀a😀", "\u00a0\u2003x", "aaaaaaaaaa", "ababababab", "'s 'LL",
    "a.b.c.q_proj", "0x1F", "x-y&z", "a]b[c", "{2}", "ﬀ ﬃ ff ffi", "Σσς", "\x1c\x85",
]
PYTHON = [
    r"a", r"a*", r"a+?", r"(a|ab)(c|bcd)*", r"(|a)*", r"(a|)*", r"(a*)*", r"(a*)+", r"(a|b*)*c?", r"((a|b)*)*c", r"(?:a?){3}", r"(a|b){2,3}",
    r"a{2}", r"a{,2}", r"a{2,}", r"a{1,2}?", r"a{2", r"a{}", r"a{x}", r"{2}", r"x{1,2", r"\{2\}", r"a**", r"a*+", r"a++a", r"(?>a|ab)c",
    r"*", r"+a", r"?", r"a|*", r"(", r")", r"(?", r"(?P<n>a)b", r"(?P<n>a)(?P<n>b)", r"(?P<1n>a)", r"(a)\1", r"(?P=n)", r"(?(1)a|b)",
    r"(?i)ss", r"(?i)ß", r"(?i)s", r"(?i)k", r"(?i)i", r"(?i)σ", r"(?i)ﬀ", r"(?i)[a-c]+", r"(?i)[^a]", r"(?i:a)b", r"(?i)a(?-i:b)c", r"a(?i)b", r"(?i)a|B",
    r"^a", r"^", r"$", r"a$", r"(?m)^", r"(?m)$", r"(?m)^b$", r"\A", r"\Z", r"a\Z", r"\z", r"\b", r"\B", r"\bb", r"(?a)\w+", r"\w+", r"\W+", r"\d+", r"\D", r"\s", r"\S+",
    r".", r"(?s).+", r".+", r"(?x) a b # c", r"(?x)a\ b", r"(?x)[a b]", r"(?#c)a", r"(?=a)a", r"(?!a).", r"(?<=a)b", r"(?<!a)b", r"(?<=a*)b", r"(?<=a|bc)d",
    r"(?<=a|b)c", r"(?=a)*b", r"(?<=^a)b", r"(?=.*b)a", r"(?=(a+))a", r"^(?!.*b).*$", r"[]a]", r"[^]a]", r"[", r"[]", r"[a", r"[z-a]", r"[a-\d]", r"[\d-z]",
    r"[-a]", r"[a-]", r"[a\-z]", r"[\b]", r"[\w.]+", r"[^\W\d]+", r"\x41", r"\u00e9", r"\U0001F600", r"\N{DIGIT ONE}", r"\0", r"\101", r"\141", r"\8", r"\q", r"\_", r"\.",
    r"\-", r"\/", "é", "😀", "[😀é]", "[^a]", r"a\Z|b", r".*\.(q_proj|k_proj)", r"^(?!.*visual).*", r"(?:.*\.)?b", r".*proj$", r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"(a|b|ab)*c",
    r"(?i-s:a)", r"(?-i)a", r"(?i-i:a)", r"(?au)a", r"(?L)a", r"(?s-i:.)", r"a{2}{3}", r"a{99999999999}", r"a{3,2}", r"(?<n>a)", r"\pL", r"[[:alpha:]]", r"[a&&b]", r"(?:)", r"()*a", r"(?:(?=a))*a", r"\Ba\B",
    r"(?i)\u0130", r"(?i)[k]", r"(?i)[\u212a]", r"(?ia)k", r"(?a)\s", r"(?a:\d)\d", r"(?u)a", r"$a", r"a^b", r"$*", r"^*a", r"\b*a", r"\b+", r"(?<!\w)a", r"(?<=\s)b", r"(?<=\b)a", r"(?<!^)a", r"((((((a))))))", r"a|", r"|", r"||a",
]
ONIGURUMA = [
    r"a", r"a*", r"a+?", r"(|a)*", r"(a|)*", r"(a*)*", r"(a*)+", r"(a|b*)*c?", r"((a|b)*)*c", r"(?:a?){3}", r"(a|b){2,3}", r"a{2}", r"a{,2}", r"a{2,}", r"a{1,2}?",
    r"a{2}?", r"a{2}+", r"a{1,2}+", r"a{3,1}", r"a{2", r"a{}", r"a{x}", r"{2}", r"a{,}", r"a**", r"a*+", r"a++a", r"a+?*", r"a?+a", r"(?>a|ab)c", r"*", r"+a", r"(", r")", r"(?", r"(?<n>a)b", r"(?'n'a)b", r"(?P<n>a)",
    r"(a)\1", r"\k<n>", r"(?<n>a)\g<n>", r"(?~ab)", r"\X", r"\K", r"\G", r"\R", r"\N+", r"\O+", r"\h+", r"\H+", r"(?i)ss", r"(?i:ss)", r"(?i:ß)", r"(?i:s)", r"(?i:k)", r"(?i:i)", r"(?i:σ)", r"(?i:ﬀ)", r"(?i:ffi)", r"(?i:ff)", r"(?i:[a-c]+)", r"(?i:[^a])",
    r"a(?i)b|c", r"(?i)a(?-i)b", r"(?i-m:a)", r"(?m:.)+", r"(?s).", r"(?x) a b", r"(?x: a b )", r"(?#c)a", r"(?#a\)b)a", r"^", r"^a", r"$", r"a$", r"\A", r"\Z", r"\z", r"\b", r"\B", r"\bb", r"\w+", r"\W+", r"\d+", r"\D", r"\s", r"\S+", r".", r".+",
    r"(?=a)a", r"(?!a).", r"(?<=a)b", r"(?<!a)b", r"(?<=a*)b", r"(?<=a+)b", r"(?<=a|bc)d", r"(?<=ab?)b", r"(?<!a|bb)b", r"(?<=^a)b", r"(?=.*b)a", r"(?=a)*b", r"[]a]", r"[]", r"[^]a]", r"[", r"[a", r"[z-a]", r"[a-\d]", r"[\d-z]", r"[-a]", r"[a-]", r"[a-c&&[^b]]", r"[^a-c&&[^b]]", r"[&&a]", r"[a&&]", r"[a&&b]", r"[a-c&&bc&&c]",
    r"[[:alpha:]]+", r"[[:^alpha:]]+", r"[[:foo:]]", r"[[:upper:]x]", r"[[a]b]", r"[a[b]", r"[[a-b][c]]", r"[\b]", r"[\w.]+", r"[\h]+", r"[\p{L}\d]+", r"[^\p{L}]+", r"\x41", r"\x{1F600}", r"\x{110000}", r"\u00e9", r"\101", r"\0", r"\q", r"\.", r"\_", r"\e", r"\p{L}+", r"\P{L}+", r"\p{^L}+", r"\P{^L}+", r"\p{Han}", r"\p{han}", r"\p{Script=Han}", r"\p{Foo}", r"\p{Letter}",
    r"\p{Alpha}", r"\p{punct}", r"\p{Lowercase_Letter}", r"\p{lowercaseletter}", r"\p{Emoji}", r"\p{ASCII}", r"\pL", r"é", "😀", "[😀é]", r"(?i:\u0130)", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"(a|b|ab)*c", r"\s+(?!\S)", r"\s+(?!\S)|\s+", r"\s*[\r\n]+|\s+", r" ?\p{L}+| ?\p{N}+", r"\p{N}{1,3}", r"(?=(\d{3})+(?!\d))", r"(?:)", r"()*a", r"a|", r"|", r"||a", r"(?<=[a-c])\d", r"(?P)a", r"(?P:\w)", r"(?<!\w)a", r"(?>a*)b", r"(?>a*)a", r"\Ba", r"^*a", r"$*", r"(?i:[ß])", r"(?i:[^ß])", r"(?<=(?=a)a)b", r"(?<=(?>a))b", r"(?*a)", r"\c", r"\o{101}",
]


def utf16(text: str, index: int) -> int:
    return len(text[:index].encode("utf-16-le")) // 2


class Grammar:
    """Random patterns that both syntaxes have, each small."""

    def __init__(self, seed: int, python: bool):
        self.random = random.Random(seed)
        self.python = python

    def pattern(self) -> str:
        return self.alternatives(3)

    def alternatives(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 1, 2, 2, 3])))

    def sequence(self, depth: int) -> str:
        return "".join(self.term(depth) for _ in range(self.random.choice([0, 1, 1, 2, 2, 3])))

    def term(self, depth: int) -> str:
        pick = self.random.random()
        if depth > 0 and pick < 0.3:
            inner = self.alternatives(depth - 1)
            head = self.random.choice(["(", "(?:", "(?:", "(?=", "(?!", "(?>", "(?i:"])
            atom = f"{head}{inner})"
            if head in ("(?=", "(?!"):
                return atom
        elif depth > 0 and pick < 0.36:
            kind, body = self.random.choice("=!"), self.random.choice(["a", "b", "ab", "[ab]", ".", r"\w", "a|b"])
            return f"(?<{kind}{body})"
        elif pick < 0.42:
            return self.random.choice(["^", "$", r"\b", r"\B", r"\Z", r"\A"])
        else:
            atoms = ["a", "a", "b", "b", "c", ".", r"\w", r"\s", "[ab]", "[^a]", r"\d", "[b-d]", "é", "\\n", "s", "ß", r"[\w.]"]
            atom = self.random.choice(atoms)
        return atom + self.random.choice(["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "*+", "++", "?+", "{1,}"])


def python_case(pattern: str):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
    except Exception:
        return None
    results = []
    for text in ["", *TEXTS]:
        found = compiled.match(text)
        results.append([
            1 if compiled.fullmatch(text) else 0,
            -1 if found is None else utf16(text, found.end()),
            [utf16(text, at) for match in compiled.finditer(text) for at in match.span()],
        ])
    return results


def oniguruma_case(pattern: str):
    """The texts with each match replaced by a mark: what Replace of tokenizers writes. `SKIP` where it gives up."""
    try:
        replace = normalizers.Replace(Regex(pattern), MARK)
    except Exception:
        return None
    try:
        return [replace.normalize_str(text) for text in TEXTS]
    except BaseException:
        return SKIP


def classes():
    """The ranges of code points that each class matches, for planes 0 and 1."""
    codes = [code for code in range(0x20000) if not 0xD800 <= code <= 0xDFFF]
    assigned = [chr(code) for code in codes if chr(code) != MARK]
    result = {"python": {}, "oniguruma": {}}
    result["python"]["unassigned"] = ranges([code for code in codes if unicodedata.category(chr(code)) == "Cn"])
    for source in [r"\d", r"\s", r"\w", r"(?a)\w", r"(?i)i", r"(?i)s", r"(?i)k", r"(?i)\u00b5", r"(?i)\u0345", r"(?i)[a-z]", r"(?i)[à-þ]", r"(?i)\w"]:
        compiled = re.compile(source)
        result["python"][source] = ranges([ord(c) for c in assigned if compiled.fullmatch(c)])
    posix = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit".split()
    sources = [r"\d", r"\s", r"\w", r"\h", "(?i:i)", "(?i:s)", "(?i:k)", "(?i:\u00b5)", "(?i:[a-z])", "(?i:[à-þ])", r"\p{L}", r"\p{Lu}", r"\p{M}", r"\p{N}", r"\p{P}", r"\p{S}", r"\p{Z}", r"\p{C}",
               r"\p{Han}", r"\p{Hiragana}", r"\p{Katakana}", r"\p{Hangul}", r"\p{Latin}", r"\p{Cyrillic}", r"\p{Thai}", r"\p{Alphabetic}", r"\p{Emoji}", r"\p{Punct}"]
    for source in [r"\p{Cn}"] + sources + [f"[[:{name}:]]" for name in posix]:
        replace = normalizers.Replace(Regex(source), MARK)
        text = "".join(assigned)
        result["oniguruma"][source] = ranges([ord(old) for old, new in zip(text, replace.normalize_str(text), strict=True) if new == MARK])
    return result


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def write(name: str, value) -> None:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    with open(OUT / name, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(text.encode())


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, patterns, case in [("python", PYTHON, python_case), ("oniguruma", ONIGURUMA, oniguruma_case)]:
        grammar = Grammar(9, name == "python")
        drawn = [grammar.pattern() for _ in range(1500)]
        all_patterns = list(dict.fromkeys(patterns + drawn))
        write(f"{name}.json.gz", {"texts": TEXTS, "cases": [[pattern, result] for pattern in all_patterns if (result := case(pattern)) != SKIP]})
    write("classes.json.gz", classes())


main()
