"""Where a tokenizer keeps its chat templates, which one is taken, prompts that continue the last message, and assistants' spans.

    golden_chat_files.py

Writes two fixtures of packages/tokenizer/test/__fixtures__/chat-templates, from what AutoTokenizer and its apply_chat_template do:

- `files.json.gz`: folders with templates in some of the places, in agreement or not, rendered with options drawn at random;
- `continued.json.gz`: the real templates of `templates.json.gz`, each with chats whose last message is to be continued. Texts are
  kept as hashes; null where transformers refuses.
"""

import gzip
import hashlib
import json
import os
import random
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import AutoTokenizer
from transformers.utils import chat_template_utils, logging

logging.set_verbosity_error()
FIXTURES = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "test" / "__fixtures__"
OUT = FIXTURES / "chat-templates"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
MODEL = {"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<s>": 0, "</s>": 1, "<pad>": 2, "<unk>": 3}}
TOKENIZER = {"version": "1.0", "added_tokens": [], "model": MODEL}
NAMES = ["default", "tool_use", "rag", "odd name", "default.v2"]
TOOL = {"type": "function", "function": {"name": "f", "description": "Does.", "parameters": {"type": "object"}}}
DOCUMENT = {"title": "T", "text": "one\ntwo"}
BODY = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}"
    "{% endgeneration %}{% else %}{{ m.content | trim }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if tools is not none %}{{ tools | tojson }}{% endif %}{% if documents %}{{ documents | length }}{% endif %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def template(place: str) -> str:
    return f"[{place}]{BODY}"


def draw_files(rng: random.Random) -> dict[str, str]:
    config: dict = {"tokenizer_class": "PreTrainedTokenizerFast", **TOKENS}
    kind = rng.choice(["none", "null", "text", "list", "list", "object"])
    names = rng.sample(NAMES, rng.randrange(1, 4))
    if kind == "null":
        config["chat_template"] = None
    if kind == "text":
        config["chat_template"] = template("config")
    if kind == "list":
        names += rng.sample(names, rng.randrange(2))
        config["chat_template"] = [{"name": name, "template": template(f"list {i} {name}")} for i, name in enumerate(names)]
    if kind == "object":
        config["chat_template"] = {name: template(f"object {name}") for name in names}
    files = {"tokenizer.json": json.dumps(TOKENIZER), "tokenizer_config.json": json.dumps(config)}
    if rng.random() < 0.4:
        files["chat_template.jinja"] = template("jinja")
    if rng.random() < 0.2:
        files["chat_template.json"] = json.dumps({"chat_template": template("json")})
    if rng.random() < 0.4:
        for name in rng.sample(NAMES, rng.randrange(1, 4)):
            files[f"additional_chat_templates/{name}.jinja"] = template(f"folder {name}")
        if rng.random() < 0.3:
            files["additional_chat_templates/notes.txt"] = "no template"
    elif rng.random() < 0.2:
        files["additional_chat_templates"] = "a file"
    return files


def draw_options(rng: random.Random) -> dict:
    options: dict = {}
    if rng.random() < 0.3:
        options["chat_template"] = rng.choice([*NAMES[:3], "{{ messages[0].content }}{{ bos_token }}"])
    if rng.random() < 0.3:
        options["tools"] = rng.choice([[], [TOOL], [TOOL, {}]])
    if rng.random() < 0.3:
        options["documents"] = rng.choice([[], [DOCUMENT]])
    if rng.random() < 0.3:
        options["add_generation_prompt"] = True
    if rng.random() < 0.3:
        options["continue_final_message"] = rng.choice([True, "content", "nothing"])
    return options


CHATS = [
    [{"role": "user", "content": " Hi 😀 \n"}, {"role": "assistant", "content": "Hello é "}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": " b "}],
    [{"role": "assistant", "content": [{"type": "text", "text": "part"}]}],
]  # fmt: skip


def units(text: str, index: int) -> int:
    return len(text[:index].encode("utf-16-le")) // 2


def rendered(tokenizer, messages: list, options: dict) -> dict | None:
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False, **options)
    except Exception:  # What transformers, or the template, refuses.
        return None
    spans = None
    if not options.get("continue_final_message") and not options.get("add_generation_prompt"):
        more = {key: value for key, value in options.items() if key not in ("chat_template", "continue_final_message")}
        chosen = tokenizer.get_chat_template(options.get("chat_template"), options.get("tools"))
        if "generation %}" in chosen:
            _, indices = chat_template_utils.render_jinja_template(
                [messages], chat_template=chosen, return_assistant_tokens_mask=True, **tokenizer.special_tokens_map, **more
            )
            spans = [[units(text, start), units(text, end)] for start, end in indices[0]]
    return {"text": text, "spans": spans}


def file_cases(rng: random.Random, count: int) -> list[dict]:
    cases = []
    while len(cases) < count:
        files = draw_files(rng)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(content)
            tokenizer = AutoTokenizer.from_pretrained(folder)
        named = tokenizer.chat_template if isinstance(tokenizer.chat_template, dict) else {}
        for _ in range(4):
            chat, options = rng.randrange(len(CHATS)), draw_options(rng)
            # A name that the tokenizer does not have would be taken for the text of a template.
            if options.get("chat_template") in NAMES and options["chat_template"] not in named:
                del options["chat_template"]
            cases.append({"files": files, "chat": chat, "options": options, "result": rendered(tokenizer, CHATS[chat], options)})
    return cases


def last(content, **more) -> list:
    return [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": content, **more}]


OPEN = [
    (last("The answer is"), True),
    (last("  spaces around \n\n"), True),
    (last("x"), "content"),
    (last(""), True),
    (last("\n"), True),
    (last("Go on."), True),
    (last("<think>\nhmm\n</think>\n\nSo"), True),
    (last("done", reasoning_content="I think"), "reasoning_content"),
    (last("done", thinking="I think "), "thinking"),
    (last([{"type": "text", "text": "first"}, {"type": "text", "text": "second "}]), True),
    (last([{"type": "image"}]), True),
    (last(None), True),
    (last("ünïcödé 😀\u2028"), True),
    ([{"role": "system", "content": "S"}, {"role": "user", "content": "only a question "}], True),
    ([*last("The answer is"), {"role": "user", "content": "And?"}, {"role": "assistant", "content": "The answer is"}], True),
    (last("CONTINUE_FINAL_MESSAGE_TAG in it"), True),
]


def continued(entry: dict) -> list[str | None]:
    results: list[str | None] = []
    for messages, field in OPEN:
        try:
            [text], _ = chat_template_utils.render_jinja_template(
                [messages], chat_template=entry["template"], continue_final_message=field, **TOKENS
            )
            results.append(hashlib.sha256(text.encode()).hexdigest()[:12])
        except Exception:
            results.append(None)
    return results


def write(name: str, value) -> None:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    (OUT / name).write_bytes(gzip.compress(data, 9, mtime=0))


class Then(chat_template_utils.datetime):
    """The time of all renderings."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 3, 4, 5)


def main() -> None:
    chat_template_utils.datetime = Then
    cases = file_cases(random.Random(5), 400)
    write("files.json.gz", {"chats": CHATS, "cases": cases})
    templates = json.loads(gzip.decompress((OUT / "templates.json.gz").read_bytes()))
    results = {entry["name"]: continued(entry) for entry in templates}
    write("continued.json.gz", {"chats": OPEN, "results": results})
    refused = sum(case["result"] is None for case in cases)
    texts = sum(result is not None for list in results.values() for result in list)
    print(f"{len(cases)} cases of files, {refused} refused; {len(results)} templates with {texts} continued texts")


if __name__ == "__main__":
    main()
