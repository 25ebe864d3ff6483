"""Goldens of training data: token ids and labels of rows, as transformers and trl 1.16 (`SFTTrainer`) prepare them.

    python tools/reference/golden_training_data.py

rewrites packages/training/test/__fixtures__/data: tiny tokenizers of the kinds that real ones are, with real chat templates, and
`golden.json`. Labels of chats are the masks that transformers makes of `{% generation %}`: where a template has none, of a copy of
it that has, which writes the same text.
"""

import json
import os
import shutil
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
from transformers import AutoTokenizer  # noqa: E402

OUT = Path(__file__).resolve().parents[2] / "packages" / "training" / "test" / "__fixtures__" / "data"
TEMPLATES = Path(__file__).resolve().parent / "chat-templates"
TEXTS = [
    "the cat sat on the mat and the dog ran to the red house by the old river",
    "Question: what is two plus two? Answer: four. What colour is the sky? It is blue.",
    "Hello there, how are you today? I am fine, thank you. Good morning and good night.",
    "What is the weather in Paris? It is sunny, 21 degrees. Call the tool named weather.",
] * 20
IGNORED = -100

# ---------------------------------------------------------------------------------------------------------------- tokenizers


def byte_level() -> dict:
    """As Qwen's and Llama 3's: byte-level BPE, no begin-of-text token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    pattern = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return _with_tokens(tokenizer, special, ["<think>", "</think>", "<tool_call>", "</tool_call>"])


def sentence_piece(spaces: str) -> dict:
    """As Mixtral's: BPE with bytes for what it does not know. `spaces`: the normalizer Prepend, or Metaspace that prepends to the
    first word."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=480, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    made = json.loads(tokenizer.to_str())
    made["added_tokens"] = [token for token in made["added_tokens"] if not token["content"].startswith("<0x")]
    if spaces == "first":
        made["normalizer"] = None
        made["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    made["decoder"] = {
        "type": "Sequence",
        "decoders": [replace, {"type": "ByteFallback"}, {"type": "Fuse"}, strip],
    }
    begin, text = {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    made["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, text],
        "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    return made


def _with_tokens(tokenizer: Tokenizer, special: list[str], plain: list[str]) -> dict:
    made = json.loads(tokenizer.to_str())
    first = len(made["model"]["vocab"])
    for index, content in enumerate(special + plain):
        made["added_tokens"].append(
            dict(
                id=first + index,
                content=content,
                single_word=False,
                lstrip=False,
                rstrip=False,
                normalized=False,
                special=content in special,
            )
        )
    return made


# ----------------------------------------------------------------------------------------------------------------- templates

QWEN = dict(eos_token="<|im_end|>", pad_token="<|endoftext|>")
MIXTRAL = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text()


# By name: the tokenizer, what its config says, its template, and the same with `{% generation %}` where it has none.
MISTRAL_V01 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
SYSTEM_IN_LAST = (
    "{%- if messages[0].role == 'system' %}{%- set system = messages[0].content %}{%- set turns = messages[1:] %}"
    "{%- else %}{%- set system = none %}{%- set turns = messages %}{%- endif %}{{- bos_token }}"
    "{%- for m in turns %}{%- if m.role == 'user' %}"
    "{%- if system is not none and (loop.last or (loop.index == loop.length - 1 and turns[-1].role == 'assistant')) %}"
    "{{- '[INST] ' + system + '\\n\\n' + m.content + '[/INST]' }}{%- else %}{{- '[INST] ' + m.content + '[/INST]' }}{%- endif %}"
    "{%- elif m.role == 'assistant' %}{{- ' ' + m.content | trim + eos_token }}{%- endif %}{%- endfor %}"
)


def _marked(template: str, written: str) -> str:
    marked = template.replace(written, "{% generation %}" + written + "{% endgeneration %}")
    assert marked != template, written
    return marked


def setups() -> dict[str, tuple[dict, dict, str, str | None]]:
    qwen3 = _template("qwen3.jinja")
    return {
        "qwen3": (byte_level(), QWEN, qwen3, _mark_qwen3(qwen3)),
        "chatml": (byte_level(), QWEN, CHATML, _mark_chatml(CHATML)),
        "generation": (byte_level(), QWEN, GENERATION, None),
        "mixtral": (
            sentence_piece("prepend"),
            MIXTRAL,
            MISTRAL_V01,
            _marked(MISTRAL_V01, "{{ ' ' + m.content + eos_token }}"),
        ),
        "mistral": (
            sentence_piece("first"),
            MIXTRAL,
            SYSTEM_IN_LAST,
            _marked(SYSTEM_IN_LAST, "{{- ' ' + m.content | trim + eos_token }}"),
        ),
    }


CHATML = (
    "{% if tools %}<|im_start|>system\nTools: {{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% if documents %}<|im_start|>system\n{% for d in documents %}{{ d.title }}: {{ d.text }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def _mark_chatml(template: str) -> str:
    body = template[template.index("{% if m.content is string %}") : template.index("{{ '<|im_end|>' + '\n' }}")]
    marked = template.replace(
        body + "{{ '<|im_end|>' + '\n' }}",
        "{% if m.role == 'assistant' %}{% generation %}" + body + "{{ '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
        "{% else %}" + body + "{{ '<|im_end|>' + '\n' }}{% endif %}",
    )
    assert marked != template
    return marked


# As trl's training templates: the answer is marked without the newline before the end of the turn, and may end in the middle of a
# character that is several tokens.
GENERATION = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}{%- if m.role == 'assistant' %}"
    "{% generation %}{{- m.content }}{% endgeneration %}{%- else %}{{- m.content }}{%- endif %}{{- '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


def _mark_qwen3(template: str) -> str:
    """What follows the header of an assistant's message, up to the token that ends it."""
    at = template.index('{%- elif message.role == "assistant" %}')
    end = template.index('{%- elif message.role == "tool" %}')
    body = template[at:end]
    first = "{%- if loop.index0 > ns.last_query_index %}"
    header = "{{- '<|im_start|>' + message.role + '\\n' }}"
    last = "{{- '<|im_end|>\\n' }}"
    assert body.count(first) == body.count(last) == 1
    body = body.replace("'<|im_start|>' + message.role + '\\n' + content", "content")
    body = body.replace("'<|im_start|>' + message.role + '\\n<think>", "'<think>")
    body = body.replace(first, header + "{%- generation %}" + first)
    body = body.replace(last, "{{- '<|im_end|>' }}{%- endgeneration %}{{- '\\n' }}")
    return template[:at] + body + template[end:]


# --------------------------------------------------------------------------------------------------------------------- rows



def message(role: str):
    return lambda content, **more: dict(role=role, content=content, **more)


user, assistant, system, tool = map(message, ("user", "assistant", "system", "tool"))
WEATHER = dict(
    type="function",
    function=dict(
        name="weather",
        description="The weather.",
        parameters=dict(type="object", properties=dict(city=dict(type="string")), required=["city"]),
    ),
)
CALL = dict(type="function", function=dict(name="weather", arguments=dict(city="Paris", days=2, exact=1.0, note=None)))
TURNS = [user("Name a fruit."), assistant("Apple."), user("Another?"), assistant("Pear.")]

ROWS = {
    "text": dict(text="the cat sat on the mat"),
    "text with spaces and lines": dict(text="  the cat\n\n sat on\tthe mat  \n"),
    "an empty text": dict(text=""),
    "completion": dict(prompt="Question: what colour is the sky? Answer:", completion=" It is blue."),
    "a prompt that ends with a space": dict(prompt="What colour is the sky? ", completion="It is blue."),
    "a border within a word": dict(prompt="the c", completion="at sat on the mat"),
    "a completion in another script": dict(prompt="Hello", completion="日本語 🍐"),
    "an empty completion": dict(prompt="Hello", completion=""),
    "turns": dict(messages=TURNS),
    "a system message": dict(messages=[system("Be brief."), *TURNS]),
    "white space around answers": dict(messages=[user(" Hi "), assistant("\n  the cat \n"), user("x"), assistant("  y")]),
    "an answer that says the prompt again": dict(messages=[user("Apple."), assistant("Apple."), user("Apple."), assistant("Apple.")]),
    "other scripts": dict(messages=[user("Où ?"), assistant("Là-bas, 日本語 🍐👩‍👩‍👧")]),
    "null columns": dict(messages=TURNS[:2], tools=None, documents=None, prompt=None),
    "the last message is the user's": dict(messages=TURNS[:3]),
    "chat completion": dict(prompt=[system("Be brief."), *TURNS[:3]], completion=TURNS[3:]),
    "a completion of several turns": dict(prompt=TURNS[:1], completion=TURNS[1:]),
    "from and value": dict(
        conversations=[{"from": "user", "value": "Name a fruit."}, {"from": "assistant", "value": "Apple."}]
    ),
    "ids": dict(input_ids=[5, 6, 7, 8], labels=[-100, -100, 7, 8]),
    "ids with masks": dict(input_ids=[5, 6, 7, 8], completion_mask=[0, 1, 1, 1], assistant_masks=[0, 1, 0, 1]),
    "ids alone": dict(input_ids=[5, 6, 7, 8]),
}
TOOL_ROWS = {
    "tools": dict(messages=TURNS[:2], tools=[WEATHER]),
    "tools as JSON": dict(messages=TURNS[:2], tools=json.dumps([WEATHER])),
    "tools for a chat completion": dict(prompt=TURNS[:1], completion=TURNS[1:2], tools=[WEATHER]),
}
MORE_ROWS = {
    "chatml": {
        **TOOL_ROWS,
        "documents": dict(messages=TURNS[:2], documents=[dict(title="Sky", text="It is blue.")]),
        "content in parts": dict(
            messages=[
                user([dict(type="text", text="Name a "), dict(type="text", text="fruit.")]),
                assistant([dict(type="text", text="Apple.")]),
            ]
        ),
    },
    "qwen3": {
        **TOOL_ROWS,
        "a call of a tool": dict(
            messages=[
                user("What is the weather in Paris?"),
                assistant("", tool_calls=[CALL]),
                tool("21 degrees", name="weather"),
                assistant("It is sunny."),
            ],
            tools=[WEATHER],
        ),
        "thoughts in the answer": dict(
            messages=[user("Name a fruit."), assistant("<think>\nan apple\n</think>\n\nApple."), user("Another?"), assistant("<think>\na pear\n</think>\n\nPear.")]
        ),
        "thoughts beside the answer": dict(messages=[user("Name a fruit."), assistant("Apple.", reasoning_content="an apple")]),
        "no thoughts": dict(prompt=TURNS[:1], completion=TURNS[1:2], chat_template_kwargs=dict(enable_thinking=False)),
    },
    "generation": {},
}

# ------------------------------------------------------------------------------------------------------------- preparation


def prepare(tokenizer, marked: str | None, row: dict) -> dict:
    """`SFTTrainer`'s way (trl 1.16, `sft_trainer.py`): `add_eos`, `tokenize_fn`, `build_labels`, with `completion_only_loss`, and
    for chats `assistant_only_loss`."""
    row = {key: value for key, value in row.items() if value is not None}
    if "conversations" in row:
        row["messages"] = [dict(role=m["from"], content=m["value"]) for m in row.pop("conversations")]
    if "input_ids" in row:
        masks = [row[key] for key in ("completion_mask", "assistant_masks") if key in row]
        labels = row.get("labels") or [
            id if all(bits) else IGNORED for id, *bits in zip(row["input_ids"], *masks, strict=True)
        ]
        return dict(inputIds=row["input_ids"], labels=labels)
    tools = row.get("tools")
    options = dict(tools=json.loads(tools) if isinstance(tools, str) else tools, documents=row.get("documents"))
    options |= row.get("chat_template_kwargs", {})
    chat = lambda messages, **more: tokenizer.apply_chat_template(  # noqa: E731
        messages, tokenize=True, return_dict=True, **options, **more
    )
    eos = tokenizer.eos_token
    end = lambda text: text if text.endswith(eos) else text + eos  # noqa: E731
    if "messages" in row:
        whole = chat(row["messages"])["input_ids"]
        if not any(m["role"] == "assistant" for m in row["messages"]):
            return dict(inputIds=whole, labels=[IGNORED] * len(whole))
        masked = chat(row["messages"], return_assistant_tokens_mask=True, **(dict(chat_template=marked) if marked else {}))
        if masked["input_ids"] != whole:
            raise AssertionError(f"the marked template writes another text: {row}")
        return dict(inputIds=whole, labels=[id if bit else IGNORED for id, bit in zip(whole, masked["assistant_masks"])])
    if "text" in row:
        ids = tokenizer(text=end(row["text"]))["input_ids"]
        return dict(inputIds=ids, labels=ids)
    if isinstance(row["prompt"], list):
        prompt = chat(row["prompt"], add_generation_prompt=True)["input_ids"]
        ids = chat(row["prompt"] + row["completion"])["input_ids"]
    else:
        prompt = tokenizer(text=row["prompt"])["input_ids"]
        ids = tokenizer(text=row["prompt"] + end(row["completion"]))["input_ids"]
    common = 0
    while common < min(len(prompt), len(ids)) and prompt[common] == ids[common]:
        common += 1
    return dict(inputIds=ids, labels=[IGNORED] * common + ids[common:], promptDiffers=common < len(prompt))


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    golden = {}
    for name, (tokenizer_json, config, template, marked) in setups().items():
        folder = OUT / name
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json, ensure_ascii=False, separators=(",", ":")))
        config = dict(tokenizer_class="PreTrainedTokenizerFast", **config, chat_template=template)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        golden[name] = []
        for about, row in {**ROWS, **MORE_ROWS.get(name, {})}.items():
            golden[name].append(dict(about=about, row=row, **prepare(tokenizer, marked, row)))
        print(name, len(golden[name]))
    lines = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]"
        for name, cases in golden.items()
    )
    (OUT / "golden.json").write_text("{" + lines + "}\n")


if __name__ == "__main__":
    main()
