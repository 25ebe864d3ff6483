"""Writes packages/tokenizer/src/transformers/model-types.ts: the class of tokenizer that AutoTokenizer takes for each model type.

    python tools/reference/tokenizer_classes.py && npx biome format --write packages/tokenizer/src/transformers/model-types.ts
"""

import textwrap
from pathlib import Path

import transformers
from transformers.models.auto import tokenization_auto as auto
from transformers.tokenization_utils_tokenizers import TokenizersBackend

OUT = Path(__file__).resolve().parents[2] / "packages" / "tokenizer" / "src" / "transformers" / "model-types.ts"

# Parts of tokenizers, AutoTokenizer itself, and a base class for which it takes the backend.
NO_CLASSES = {f"{name}Tokenizer" for name in ("Auto", "Basic", "Character", "Mecab", "PreTrained", "Wordpiece")}


def takes_file(name: str) -> bool:
    """Whether a class takes the stages of tokenizer.json as they are."""
    found = auto.tokenizer_class_from_name(name)
    if found is None:
        return True
    try:
        own = "__init__" in found.__dict__ and found is not TokenizersBackend
        return issubclass(found, TokenizersBackend) and not own
    except TypeError:
        return False


def words(names: list[str]) -> str:
    lines = textwrap.wrap(" ".join(names), 108)
    return " +\n".join(f'"{line}{" " if line is not lines[-1] else ""}"' for line in lines)


def main() -> None:
    registered: dict[str, list[str]] = {}
    for model_type, name in auto.TOKENIZER_MAPPING_NAMES.items():
        # Without sentencepiece, some have no class; those read no tokenizer.json.
        if name is None:
            continue
        # Without mistral-common or the files that it reads, its models take the backend.
        name = "TokenizersBackend" if name == "MistralCommonBackend" else name.removesuffix("Fast")
        registered.setdefault(name, []).append(model_type)
    classes = {name for name in registered if not takes_file(name)}
    exported = {name.removesuffix("Fast") for name in dir(transformers) if name.endswith(("Tokenizer", "TokenizerFast"))}
    classes |= {name for name in exported - NO_CLASSES if not takes_file(name)}
    entries = "".join(f'  {name}:\n    {words(registered[name])},\n' for name in sorted(registered))
    OUT.write_text(
        f"// Written by tools/reference/tokenizer_classes.py from transformers {transformers.__version__}.\n\n"
        "/** Model types by the class that is registered for them. */\n"
        f"export const REGISTERED: Readonly<Record<string, string>> = {{\n{entries}}};\n\n"
        "/** Model types whose published `tokenizer_class` is known to be wrong: the registered class counts. */\n"
        f"export const WRONG_ON_THE_HUB = {words(sorted(auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS))};\n\n"
        "/** Classes that put stages, or code, of their own in the place of those in `tokenizer.json`. */\n"
        f"export const OWN_STAGES = {words(sorted(classes))};\n"
    )


if __name__ == "__main__":
    main()
