/** Stages that classes of transformers 5.18 use instead of those in `tokenizer.json`. */

import { isObject, type JsonObject } from "../fields.js";
import type { RebuildingClass } from "./tokenizer-class.js";

/** Settings that a class reads from `tokenizer_config.json`. */
export type Settings = Readonly<Record<string, unknown>>;

/** Default named special tokens of a class. */
export const DEFAULT_TOKENS: Readonly<Record<RebuildingClass, Readonly<Record<string, string>>>> = {
  BertTokenizer: {
    unk_token: "[UNK]",
    sep_token: "[SEP]",
    pad_token: "[PAD]",
    cls_token: "[CLS]",
    mask_token: "[MASK]",
  },
  CohereTokenizer: {
    bos_token: "<BOS_TOKEN>",
    eos_token: "<|END_OF_TURN_TOKEN|>",
    unk_token: "<UNK>",
    sep_token: "<SEP>",
    pad_token: "<PAD>",
    cls_token: "<CLS>",
    mask_token: "<MASK_TOKEN>",
  },
  GPT2Tokenizer: { bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", unk_token: "<|endoftext|>" },
  GPTNeoXTokenizer: {
    bos_token: "<|endoftext|>",
    eos_token: "<|endoftext|>",
    unk_token: "<|endoftext|>",
    pad_token: "<|padding|>",
  },
  GemmaTokenizer: {
    bos_token: "<bos>",
    eos_token: "<eos>",
    unk_token: "<unk>",
    pad_token: "<pad>",
    mask_token: "<mask>",
  },
  LlamaTokenizer: { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" },
  Qwen2Tokenizer: { eos_token: "<|endoftext|>", unk_token: "<|endoftext|>", pad_token: "<|endoftext|>" },
  Qwen3_5Tokenizer: { eos_token: "<|endoftext|>", unk_token: "<|endoftext|>", pad_token: "<|endoftext|>" },
};

/**
 * Builds the stages of a class with the vocabulary of the file. The file's post-processor stays, unless the class has
 * its own.
 * @param named texts of the named special tokens
 */
export function rebuild(name: RebuildingClass, json: JsonObject, settings: Settings, named: NamedTexts): JsonObject {
  const stages = BUILDERS[name](settings, named);
  const { vocab, merges = [] } = isObject(json.model) ? json.model : {};
  return {
    post_processor: json.post_processor,
    normalizer: null,
    ...stages,
    model: { vocab: vocabularyOf(vocab), merges, ...stages.model },
  };
}

/** Texts of the named special tokens: `bos_token` to `<s>`. */
export type NamedTexts = ReadonlyMap<string, string>;

interface Stages extends JsonObject {
  readonly model: JsonObject;
}

const BPE = { type: "BPE", dropout: null };
const MARKS_TO_SPACES = { type: "Replace", pattern: { String: "▁" }, content: " " };
const BYTES = [MARKS_TO_SPACES, { type: "ByteFallback" }, { type: "Fuse" }];

function byteLevel(prefixes: boolean, splits: boolean): JsonObject {
  return { type: "ByteLevel", add_prefix_space: prefixes, trim_offsets: true, use_regex: splits };
}

function sequence(...pretokenizers: JsonObject[]): JsonObject {
  return { type: "Sequence", pretokenizers };
}

function isolate(pattern: string): JsonObject {
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
}

const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN3_5 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function qwen(pattern: string, settings: Settings): Stages {
  return {
    model: BPE,
    normalizer: { type: "NFC" },
    pre_tokenizer: sequence(isolate(pattern), byteLevel(isTrue(settings.add_prefix_space), false)),
    decoder: byteLevel(true, true),
  };
}

const BUILDERS: Readonly<Record<RebuildingClass, (settings: Settings, named: NamedTexts) => Stages>> = {
  BertTokenizer: ({ do_lower_case = true, tokenize_chinese_chars = true, strip_accents = null }, named) => ({
    model: {
      type: "WordPiece",
      unk_token: named.get("unk_token") ?? "None",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: isTrue(tokenize_chinese_chars),
      strip_accents,
      lowercase: isTrue(do_lower_case),
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    post_processor: null,
  }),
  CohereTokenizer: (settings) => ({
    model: BPE,
    normalizer: { type: "NFC" },
    pre_tokenizer: sequence(
      { type: "Digits", individual_digits: true },
      byteLevel(isTrue(settings.add_prefix_space), true),
    ),
    decoder: byteLevel(true, true),
  }),
  GPT2Tokenizer: (settings) => ({
    model: BPE,
    pre_tokenizer: byteLevel(isTrue(settings.add_prefix_space), true),
    decoder: byteLevel(true, true),
  }),
  GPTNeoXTokenizer: (settings) => ({
    model: BPE,
    normalizer: { type: "NFC" },
    pre_tokenizer: byteLevel(isTrue(settings.add_prefix_space), true),
    decoder: byteLevel(true, true),
    post_processor: null,
  }),
  GemmaTokenizer: (_, named) => ({
    model: { ...BPE, fuse_unk: true, byte_fallback: true, unk_token: named.get("unk_token") ?? "None" },
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
    pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
    decoder: { type: "Sequence", decoders: BYTES },
  }),
  LlamaTokenizer: ({ add_prefix_space, legacy = false }) => {
    const prefixes = add_prefix_space === undefined || add_prefix_space === null || isTrue(add_prefix_space);
    return {
      model: { ...BPE, fuse_unk: true, byte_fallback: true },
      pre_tokenizer: {
        type: "Metaspace",
        replacement: "▁",
        prepend_scheme: !prefixes ? "never" : isTrue(legacy) ? "always" : "first",
        split: false,
      },
      decoder: {
        type: "Sequence",
        decoders: prefixes ? [...BYTES, { type: "Strip", content: " ", start: 1, stop: 0 }] : BYTES,
      },
    };
  },
  Qwen2Tokenizer: (settings) => qwen(QWEN2, settings),
  Qwen3_5Tokenizer: (settings) => qwen(QWEN3_5, settings),
};

/** Whether a value is true in Python. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** Converts a list of tokens, as in a Unigram, to an object. */
function vocabularyOf(vocab: unknown): unknown {
  if (!Array.isArray(vocab)) return vocab;
  return Object.fromEntries(vocab.map((entry: unknown, id) => [String(Array.isArray(entry) ? entry[0] : entry), id]));
}
