"""The corpus of the sample model: public-domain English in four registers, as documents of plain text."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

REGISTERS = ("austen", "doyle", "melville", "presidents")

# Folder in the data directory, and the Project Gutenberg number that also names the file.
BOOKS = {
    "austen": (
        ("Pride-and-Prejudice_1342", 1342),
        ("Sense-and-Sensibility_161", 161),
        ("Emma_158", 158),
        ("Mansfield-Park_141", 141),
        ("Northanger-Abbey_121", 121),
        ("Persuasion_105", 105),
    ),
    "doyle": (
        ("The-Adventures-of-Sherlock-Holmes_1661", 1661),
        ("The-Memoirs-of-Sherlock-Holmes_834", 834),
        ("The-Return-of-Sherlock-Holmes_108", 108),
        ("The-Hound-of-the-Baskervilles_2852", 2852),
    ),
}

HEADING = re.compile(
    r"^[ \t]*(?:VOLUME|CHAPTER|Chapter|ADVENTURE|Adventure|THE ADVENTURE OF|The Adventure of|[IVX]+\.)[^\n]*$",
    re.MULTILINE,
)
# A shorter piece is a line of a table of contents or a bare "VOLUME II", not a chapter.
SHORTEST_DOCUMENT = 1500
# Every twentieth document, counted from the tenth, is held out: whole chapters and whole addresses.
HELD_OUT_EVERY, HELD_OUT_OFFSET = 20, 10
# Of all documents in order, each followed by a zero byte.
SHA256 = "1a5bf219dfb81f84f7ff9be881882907b97387ed203fd83ca522d95eaa530607"


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


def book_documents(path: Path) -> list[str]:
    """The chapters of a Project Gutenberg text, without the frame that the project puts around the work."""
    raw = path.read_text(encoding="latin-1").replace("\r\n", "\n")
    start = re.search(r"^\*\*\* ?START OF [^\n]*\n", raw, re.MULTILINE)
    end = re.search(r"^(?:\*\*\* ?END OF |End of (?:the )?Project Gutenberg)", raw, re.MULTILINE)
    if start is None or end is None:
        raise ValueError(f"{path}: no start or no end marker of a Project Gutenberg text")
    body = raw[start.end() : end.start()]
    cuts = [m.start() for m in HEADING.finditer(body)] + [len(body)]
    pieces = (tidy(body[a:b]) for a, b in zip(cuts, cuts[1:]))
    return [piece for piece in pieces if len(piece) >= SHORTEST_DOCUMENT]


def read_register(data: Path, register: str) -> list[str]:
    if register in BOOKS:
        folder = data / "gitenberg"
        return [doc for name, number in BOOKS[register] for doc in book_documents(folder / name / f"{number}.txt")]
    package = {"melville": "datasets-moby-dick", "presidents": "datasets-sotu"}[register]
    folder = data / "node_modules" / "@stdlib" / package / "data"
    if register == "melville":  # the folder also holds the whole book in one file
        chapters = sorted(folder.glob("chapter_*.txt"), key=lambda f: int(f.stem.removeprefix("chapter_")))
        files = [*chapters, folder / "epilogue.txt"]
    else:
        files = sorted(folder.glob("*.txt"))
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
