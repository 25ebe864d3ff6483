"""Makes the tokenizer fixtures: small tokenizers, what Python encodes and decodes with them, and rendered chat templates.

    python tools/reference/tokenizer_golden.py

Needs transformers 5.18.0. Writes one folder per tokenizer into packages/tokenizer/test/__fixtures__: the Hugging Face
files and golden.json. Of the sample model it writes golden.json alone, since its files lie in models/.
"""

import json
import random
import shutil
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "packages" / "tokenizer" / "test" / "__fixtures__"
SAMPLE = ROOT / "models" / "sample-afmoe"

CORPUS = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
    "Call me Ishmael. Some years ago - never mind how long precisely - having little or no money in my purse,",
    "However little known the feelings or views of such a man may be on his first entering a neighbourhood,",
    "I thought I would sail about a little and see the watery part of the world. 1813 1851 2024 3.14159",
    "def forward(self, x):\n    return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
    "Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis. Zwölf Boxkämpfer jagen Viktor.",
    "Съешь ещё этих мягких французских булок, да выпей чаю. Съешь ещё.",
    "我能吞下玻璃而不伤身体。我能吞下玻璃。",
    "I'm sure they've said we'll go; you're right, it's HE'S and DON'T.",
] * 4

TEXTS = [
    "Hello, world!",
    " leading and trailing ",
    "two  spaces,   three,\ttab\nnewline\r\n\r\n  end",
    "It's what they'VE said: I'LL don't.",
    "Numbers 7 42 365 1024 123456789 3.14",
    "Grüße, cœur, naïve, e\u0301 is two code points, \u00e9 is one",
    "我能吞下玻璃而不伤身体。カタカナ 한국어",
    "emoji: 😀 👩‍👩‍👧‍👦 🏳️‍🌈 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "عربي עברית ไทย हिन्दी",
    "def f(x):\n    return x ** 2  # comment\n",
    "zero\u200bwidth, nbsp\u00a0, ideographic\u3000space, soft\u00adhyphen",
    "\u0000\u0001\u007f control",
    "a",
    " ",
    "\n",
]

# The template of Qwen3, without its tool branches for replies.
QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\nYou may call one or more functions.\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if message.role == "user" and message.content is string and loop.first %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- if '</think>' in content and loop.index0 < ns.last_query_index %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

# The template of Mixtral-8x7B-Instruct.
MIXTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

CHAT = [
    {"role": "user", "content": "Who wrote Moby-Dick? 🐋"},
    {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\nHerman Melville, in 1851."},
    {"role": "user", "content": "And <b>\"Pride & Prejudice\"</b>?"},
]
SYSTEM = {"role": "system", "content": "You are a librarian."}
TOOL = {
    "type": "function",
    "function": {
        "name": "find_book",
        "description": "Finds a book by its author's name – <é>.",
        "parameters": {"type": "object", "properties": {"author": {"type": "string"}}, "required": ["author"]},
    },
}

QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(pattern: str, specials: list[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE, as Qwen and Llama 3 have it."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tok.train_from_iterator(CORPUS, trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tok


def qwen() -> Tokenizer:
    tok = byte_level(QWEN_SPLIT, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], 560)
    tok.normalizer = normalizers.NFC()
    tok.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)])
    return tok


def llama3() -> Tokenizer:
    tok = byte_level(LLAMA3_SPLIT, ["<|begin_of_text|>", "<|eot_id|>"], 520)
    bos = tok.token_to_id("<|begin_of_text|>")
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B", special_tokens=[("<|begin_of_text|>", bos)]
    )
    tok.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tok


def mixtral() -> Tokenizer:
    """A BPE as converted from sentencepiece: "▁" for a space, bytes for what the vocabulary lacks."""
    spaced = ["▁" + line.replace(" ", "▁") for line in CORPUS]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("▁"), "merged_with_next")
    trained.train_from_iterator(spaced, trainers.BpeTrainer(vocab_size=320, show_progress=False))
    model = json.loads(trained.to_str())["model"]

    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    # A few characters go, so that common text meets the byte fallback too.
    gone = set("дœ玻\n")
    merges = [tuple(m) for m in model["merges"] if not gone & set("".join(m))]
    names += [t for t in sorted(model["vocab"], key=model["vocab"].get) if not gone & set(t)]
    vocab = {name: i for i, name in enumerate(names)}
    tok = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in names[:3]])
    tok.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return tok


def metaspace() -> Tokenizer:
    """The same, in the newer spelling: a Metaspace pre-tokenizer that marks the first word only."""
    tok = mixtral()
    tok.normalizer = None
    tok.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    return tok


def golden(tok: Tokenizer, specials: list[str]) -> dict:
    rng = random.Random(20)
    mixed = [f"{a} {s}{b}" for s in specials for a, b in [("before", "after"), ("", ""), ("我", " spaced")]]
    encodes = []
    for text in TEXTS + mixed:
        encodes.append(
            {
                "text": text,
                "ids": tok.encode(text).ids,
                "idsWithoutSpecial": tok.encode(text, add_special_tokens=False).ids,
            }
        )
    sequences = [e["ids"] for e in encodes]
    size = tok.get_vocab_size()
    byte_tokens = {i for t, i in tok.get_vocab().items() if len(t) == 6 and t.startswith("<0x")}
    for _ in range(40):
        # Byte tokens in random order are seldom UTF-8, and there the decoders differ in how many U+FFFD they write.
        ids = [rng.randrange(size) for _ in range(rng.randrange(1, 24))]
        sequences.append([i for i in ids if i not in byte_tokens] or [size - 1])
    decodes = [
        {
            "ids": ids,
            "text": tok.decode(ids, skip_special_tokens=False),
            "textWithoutSpecial": tok.decode(ids, skip_special_tokens=True),
        }
        for ids in sequences
    ]
    return {"vocabSize": max(tok.get_vocab().values()) + 1, "encodes": encodes, "decodes": decodes}


def chats(fast: PreTrainedTokenizerFast, cases: list[tuple[list[dict], dict]]) -> list[dict]:
    return [
        {
            "messages": messages,
            "options": options,
            "text": fast.apply_chat_template(messages, tokenize=False, **options),
        }
        for messages, options in cases
    ]


def write(name: str, tok: Tokenizer, specials: list[str], tokens: dict, template: str | None, cases: list) -> None:
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, **tokens)
    fast.chat_template = template
    fast.save_pretrained(folder)
    write_golden(folder, Tokenizer.from_file(str(folder / "tokenizer.json")), specials, chats(fast, cases))


def write_sample() -> None:
    folder = OUT / SAMPLE.name
    folder.mkdir(exist_ok=True)
    cases = [(CHAT, {"add_generation_prompt": True}), ([SYSTEM, *CHAT], {})]
    tok = Tokenizer.from_file(str(SAMPLE / "tokenizer.json"))
    write_golden(folder, tok, ["<|endoftext|>"], chats(AutoTokenizer.from_pretrained(SAMPLE), cases))


def write_golden(folder: Path, tok: Tokenizer, specials: list[str], rendered: list[dict]) -> None:
    result = {**golden(tok, specials), "chats": rendered}
    (folder / "golden.json").write_text(json.dumps(result, ensure_ascii=True) + "\n")
    print(f"{folder.name}: {result['vocabSize']} tokens, {sum(f.stat().st_size for f in folder.iterdir()):,} bytes")


def main() -> None:
    qwen_cases = [
        (CHAT, {"add_generation_prompt": True}),
        (CHAT, {"add_generation_prompt": False}),
        ([SYSTEM, *CHAT], {"add_generation_prompt": True}),
        ([SYSTEM, *CHAT], {"add_generation_prompt": True, "tools": [TOOL]}),
        (CHAT[:1], {"add_generation_prompt": True, "enable_thinking": False}),
    ]
    write(
        "qwen",
        qwen(),
        ["<|im_start|>", "<|endoftext|>", "<think>"],
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        QWEN,
        qwen_cases,
    )
    write("llama3", llama3(), ["<|eot_id|>"], {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, None, [])
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    mixtral_cases = [(CHAT, {}), (CHAT[:2], {"add_generation_prompt": True})]
    write("mixtral", mixtral(), ["<s>", "</s>"], names, MIXTRAL, mixtral_cases)
    write("metaspace", metaspace(), ["</s>"], names, None, [])
    write_sample()


if __name__ == "__main__":
    main()
