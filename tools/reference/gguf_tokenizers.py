"""Token ids of llama.cpp for texts of many scripts, by every way in which byte-level texts are split, and by SentencePiece.

    LLAMA_CPP=... python tools/reference/gguf_tokenizers.py            # writes packages/mixtape/test/__fixtures__/gguf-tokenizers.json.gz
    LLAMA_CPP=... python tools/reference/gguf_tokenizers.py FILE.gguf 10000 > ids.jsonl        # of a file's own tokenizer

The vocabularies are small ones, trained on the corpus of the tokenizer's tests.
"""

import json
import sys
import tempfile
from pathlib import Path

import gguf
from gguf import TokenType
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import llama_cpp
from golden_io import write_json_gz
from gguf_vocabularies import merged_pieces
from random_texts import CORPUS, RandomTexts

FIXTURE = Path(__file__).parents[2] / "packages/mixtape/test/__fixtures__/gguf-tokenizers.json.gz"
# One of each way of splitting, and of those that differ in more than the pattern.
PRES = """gpt-2 smollm llama-bpe smaug-bpe qwen2 qwen35 gpt-4o tekken deepseek-v3 afmoe default""".split()
SPECIAL = [("<|endoftext|>", TokenType.CONTROL), ("<|im_start|>", TokenType.CONTROL), ("<tool>", TokenType.USER_DEFINED)]
COUNT = 160


def lines() -> list[str]:
    corpus = json.loads(CORPUS.read_text())
    return corpus["lines"] + corpus["tricky"]


def byte_level() -> dict:
    """Merges within words and numbers, and some across, which only some splits allow."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=256 + 900, initial_alphabet=alphabet, show_progress=False, max_token_length=12)
    tokenizer.train_from_iterator(lines() * 2 + ["12345 1984 333 22 2024"] * 8 + ["it's I'll WE'LL don't DON'T"] * 8, trainer)
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    types = [int(TokenType.NORMAL)] * len(tokens) + [int(kind) for _, kind in SPECIAL]
    return {"tokens": tokens + [text for text, _ in SPECIAL], "types": types, "merges": merges}


def sentencepiece() -> dict:
    pieces = merged_pieces(lines(), 700)
    words = [piece for piece in pieces if len(piece) > 1]
    characters = [piece for piece in pieces if len(piece) == 1]
    tokens = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)], *words, *characters, "[INST]"]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(words) + len(characters)) + [4]
    return {"tokens": tokens, "types": types, "scores": [0.0] * 259 + [-float(i) for i in range(len(tokens) - 259)]}


def write(path: Path, vocabulary: dict, *, pre: str | None, prefix: bool | None = None) -> None:
    """A file with a tokenizer and no tensors."""
    writer = gguf.GGUFWriter(path, "llama")
    for key in ("context_length", "embedding_length", "block_count", "feed_forward_length", "head_count"):
        getattr(writer, f"add_{key}")(32)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2" if "merges" in vocabulary else "llama")
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["types"])
    if "merges" in vocabulary:
        writer.add_token_merges(vocabulary["merges"])
        writer.add_bos_token_id(len(vocabulary["tokens"]) - 3)
        writer.add_eos_token_id(len(vocabulary["tokens"]) - 3)
    else:
        writer.add_token_scores(vocabulary["scores"])
    if prefix is not None:
        writer.add_add_space_prefix(prefix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ids_of(path: Path, texts: list[str]) -> tuple[list[list[int]], list[str]]:
    model = llama_cpp.Model(path, vocab_only=True)
    ids = [model.tokenize(text) for text in texts]
    return ids, [model.detokenize(row).decode(errors="replace") for row in ids]


def special_texts(path: Path) -> list[str]:
    fields = gguf.GGUFReader(path).fields
    tokens, types = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    texts = [bytes(tokens.parts[i]).decode(errors="replace") for i in tokens.data]
    return [text for text, i in zip(texts, types.data) if int(types.parts[i][0]) in (2, 3, 4)]


def token_rows(path: Path, count: int):
    """Texts of many scripts, and what llama.cpp makes of them with the tokenizer of a file."""
    random = RandomTexts(20261130, special_texts(path))
    texts = [random.text() for _ in range(count)]
    for text, ids, back in zip(texts, *ids_of(path, texts)):
        yield {"text": text, "ids": ids, "decoded": back}


def main() -> None:
    if len(sys.argv) > 1:
        for row in token_rows(Path(sys.argv[1]), int(sys.argv[2])):
            print(json.dumps(row))
        return
    corpus = lines()
    random = RandomTexts(3, [text for text, _ in SPECIAL] + ["[INST]", "</s>"])
    texts = ["", " ", "  a", *corpus[:40], *[random.text() for _ in range(COUNT)]]
    golden = {"texts": texts, "byteLevel": {**byte_level(), "ids": {}}, "sentencePiece": {**sentencepiece(), "ids": {}}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.gguf"
        for pre in PRES:
            write(path, golden["byteLevel"], pre=pre)
            golden["byteLevel"]["ids"][pre], golden["decoded"] = ids_of(path, texts)
        for prefix in (True, False):
            write(path, golden["sentencePiece"], pre=None, prefix=prefix)
            ids, golden["sentencePiece"]["decoded"] = ids_of(path, texts)
            golden["sentencePiece"]["ids"][str(prefix).lower()] = ids
    del golden["decoded"]
    write_json_gz(FIXTURE, golden)
    print(FIXTURE.stat().st_size)


if __name__ == "__main__":
    main()
