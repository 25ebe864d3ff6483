"""The corpus of the sample model: public-domain English in three registers, as documents of plain text."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

REGISTERS = ("melville", "republic", "modern")

# The presidents' addresses are two registers: their English changed more in between than the rest of the corpus differs.
FIRST_MODERN_YEAR = 1900
# A shorter piece is a heading or a fragment, not a chapter.
SHORTEST_DOCUMENT = 1500
# Every twentieth document, counted from the tenth, is held out: whole chapters and whole addresses.
HELD_OUT_EVERY, HELD_OUT_OFFSET = 20, 10
# Of all documents in order, each followed by a zero byte.
SHA256 = "e3d3f31fdbae1e25fa4dbf3f61915de1cd5e2e8258b133bc20e4859624fcfc73"


@dataclass(frozen=True)
class Corpus:
    """Documents by register. `train` and `held_out` share no document."""

    train: dict[str, list[str]]
    held_out: dict[str, list[str]]


def tidy(text: str) -> str:
    """Hard-wrapped lines become paragraphs; quotes, dashes and emphasis take one form in all sources."""
    text = text.replace("\r\n", "\n").replace("\ufeff", "")
    for curly, straight in (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'")):
        text = text.replace(curly, straight)
    text = re.sub(r"\s*--+\s*", "—", text).replace("_", "")
    paragraphs = (re.sub(r"\s+", " ", p).strip() for p in re.split(r"\n\s*\n", text))
    return "\n\n".join(p for p in paragraphs if p)


def read_register(data: Path, register: str) -> list[str]:
    packages = data / "node_modules" / "@stdlib"
    if register == "melville":  # the folder also holds the whole book in one file
        folder = packages / "datasets-moby-dick" / "data"
        chapters = sorted(folder.glob("chapter_*.txt"), key=lambda f: int(f.stem.removeprefix("chapter_")))
        files = [*chapters, folder / "epilogue.txt"]
    else:
        addresses = sorted((packages / "datasets-sotu" / "data").glob("*.txt"))
        files = [f for f in addresses if (int(f.name[:4]) >= FIRST_MODERN_YEAR) == (register == "modern")]
    return [doc for f in files if len(doc := tidy(f.read_text(encoding="utf-8"))) >= SHORTEST_DOCUMENT]


def read_corpus(data: Path) -> Corpus:
    """Reads all registers. Raises FileNotFoundError or ValueError when a source is missing or differs."""
    train: dict[str, list[str]] = {}
    held_out: dict[str, list[str]] = {}
    digest = hashlib.sha256()
    for register in REGISTERS:
        documents = read_register(data, register)
        if len(documents) < HELD_OUT_EVERY:
            raise ValueError(f"{register}: only {len(documents)} documents under {data}")
        for document in documents:
            digest.update(document.encode("utf-8") + b"\0")
        held = {i for i in range(len(documents)) if i % HELD_OUT_EVERY == HELD_OUT_OFFSET}
        train[register] = [d for i, d in enumerate(documents) if i not in held]
        held_out[register] = [d for i, d in enumerate(documents) if i in held]
    if digest.hexdigest() != SHA256:
        raise ValueError(f"the text under {data} has SHA-256 {digest.hexdigest()}, expected {SHA256}")
    return Corpus(train, held_out)
