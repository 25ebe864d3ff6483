"""Small vocabularies for GGUF files."""

import gguf
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from gguf import TokenType

TEXTS = [
    "The quick brown fox jumps over the lazy dog. It was 1984, and 12345 clocks struck thirteen!",
    "def tokens(text: str) -> list[int]:\n    return [ord(c) for c in text]\n\n\n",
    "Der Fuß, die Straße, ’s geht schon. Le garçon naïf a mangé l’œuf. ¿Qué pasa, señor?",
    "Быстрая лиса прыгает через ленивую собаку. 快速的棕色狐狸跳过懒狗。素早い茶色の狐。",
    "the there then these those this that thing think thought through",
]


def byte_level(pre: str, extra: list[tuple[str, TokenType]], *, merges: int = 120, **options):
    """A byte-level BPE that was trained on a few sentences: a function that adds it to a file, and its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 2, trainer)
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    import json

    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    texts = tokens + [text for text, _ in extra]
    types = [TokenType.NORMAL] * len(tokens) + [kind for _, kind in extra]

    def add(writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(texts)
        writer.add_token_types(types)
        writer.add_token_merges([" ".join(pair) for pair in pairs])
        _special(writer, texts, **options)

    return add, len(texts)


def sentencepiece(pieces: list[str], **options):
    """A SentencePiece vocabulary: special tokens, bytes, pieces in the order of their scores, characters."""
    characters = sorted({character for piece in pieces for character in piece})
    words = [piece for piece in pieces if len(piece) > 1]
    texts = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)], *words, *characters]
    types = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    types += [TokenType.NORMAL] * (len(texts) - len(types))
    scores = [0.0] * 259 + [-float(i) for i in range(len(texts) - 259)]

    def add(writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(texts)
        writer.add_token_scores(scores)
        writer.add_token_types(types)
        _special(writer, texts, **{"bos": "<s>", "eos": "</s>", "unk": "<unk>", **options})

    return add, len(texts)


def _special(writer, texts, *, bos=None, eos=None, unk=None, pad=None, add_bos=None, template=None) -> None:
    for name, text in [("bos", bos), ("eos", eos), ("unk", unk), ("pad", pad)]:
        if text is not None:
            getattr(writer, f"add_{name}_token_id")(texts.index(text))
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)
    if template is not None:
        writer.add_chat_template(template)


def merged_pieces(texts: list[str], count: int) -> list[str]:
    """Pieces that are reached by merging two: the most frequent pairs first, as SentencePiece's trainer."""
    words = [list("▁" + word) for text in texts for word in text.split()]
    pieces: list[str] = []
    while len(pieces) < count:
        pairs: dict[tuple[str, str], int] = {}
        for word in words:
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if best[0] + best[1] not in pieces:
            pieces.append(best[0] + best[1])
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = [best[0] + best[1]]
                i += 1
    return pieces + sorted({character for text in texts for character in text if not character.isspace()} | {"▁"})
