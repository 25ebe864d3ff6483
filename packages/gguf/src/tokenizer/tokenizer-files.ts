import { safeName } from "@mixtape/errors";
import { GgufUnsupportedError } from "../errors.js";
import type { Metadata } from "../header/metadata.js";
import { byteLevelTokenizer } from "./byte-level.js";
import { sentencePieceTokenizer } from "./sentencepiece.js";
import { specialToken } from "./special-tokens.js";
import { readVocabulary } from "./vocabulary.js";

/** Makes `tokenizer.json`. */
export function tokenizerJson(
  metadata: Metadata,
  onWarning: (message: string) => void,
): Readonly<Record<string, unknown>> {
  const model = metadata.string("tokenizer.ggml.model");
  if (model === "gpt2") return byteLevelTokenizer(readVocabulary(metadata), onWarning);
  if (model === "llama") return sentencePieceTokenizer(readVocabulary(metadata));
  throw new GgufUnsupportedError({
    where: `${metadata.where}: tokenizer.ggml.model`,
    expected: "gpt2 (byte-level BPE) or llama (SentencePiece)",
    got: model === undefined ? "none" : safeName(JSON.stringify(model)),
    fix: "Load the tokenizer from the Hugging Face checkpoint of the model",
  });
}

const CHAT_TEMPLATE = "tokenizer.chat_template";

/** Makes `tokenizer_config.json`. */
export function tokenizerConfig(metadata: Metadata): Readonly<Record<string, unknown>> {
  const tokens = metadata.strings("tokenizer.ggml.tokens");
  const named = [
    ["bos_token", "bos"],
    ["eos_token", "eos"],
    ["unk_token", "unknown"],
    ["pad_token", "padding"],
  ] as const;
  const special = named.flatMap(([key, name]) => {
    const id = specialToken(metadata, name);
    return id === undefined ? [] : [[key, tokens![id]]];
  });
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(special),
    ...chatTemplates(metadata),
  };
}

/** The template, and those with names: `tokenizer.chat_template.tool_use`. */
function chatTemplates(metadata: Metadata): object {
  const template = metadata.string(CHAT_TEMPLATE);
  const names = [...metadata.keys].filter((key) => key.startsWith(`${CHAT_TEMPLATE}.`));
  if (names.length === 0) return template === undefined ? {} : { chat_template: template };
  const all = names.map((key) => ({ name: key.slice(CHAT_TEMPLATE.length + 1), template: metadata.string(key) }));
  return { chat_template: [...(template === undefined ? [] : [{ name: "default", template }]), ...all] };
}
