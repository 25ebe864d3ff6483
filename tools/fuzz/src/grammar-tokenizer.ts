/**
 * Generates `tokenizer.json` by grammar: each part and option that the library supports, in combinations that nobody
 * ships.
 */

import { regex } from "./grammar-regex.js";
import type { Random } from "./random.js";

type Part = Record<string, unknown>;

const TEXTS = ["", " ", "a", "ab", "▁", "Ġ", "é", "e\u0301", "<s>", "</s>", "##", "\n", "😀", "ﬁ", "x".repeat(300)];
const CHARS = [" ", "a", "▁", "_", "é", "😀"];
const BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
const SCHEMES = ["always", "never", "first"];

/** Generates a mostly valid tokenizer. */
export function tokenizerJson(random: Random): string {
  const { model, vocab } = random.pick([bpe, bpe, wordPiece, wordLevel, unigram])(random);
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: random.times(4, () => addedToken(random, vocab)),
    normalizer: optional(random, normalizer, "normalizers"),
    pre_tokenizer: optional(random, preTokenizer, "pretokenizers"),
    post_processor: optional(random, postProcessor, "processors"),
    decoder: optional(random, decoder, "decoders"),
    model,
  });
}

function optional(random: Random, make: (random: Random) => Part, listKey: string): Part | null {
  if (random.chance(0.15)) return null;
  if (random.chance(0.6)) return make(random);
  return { type: "Sequence", [listKey]: random.times(4, () => make(random)) };
}

function addedToken(random: Random, vocab: readonly string[]): Part {
  const isNew = random.chance(0.5);
  const at = random.below(Math.max(1, vocab.length));
  return {
    id: isNew ? vocab.length + random.below(3) : at,
    content: isNew ? random.pick(["<s>", "</s>", "<|im_end|>", ...TEXTS.slice(1)]) : (vocab[at] ?? "a"),
    single_word: random.chance(0.3),
    lstrip: random.chance(0.3),
    rstrip: random.chance(0.3),
    normalized: random.chance(0.5),
    special: random.chance(0.5),
  };
}

function normalizer(random: Random): Part {
  const type = random.pick([
    "BertNormalizer",
    "ByteLevel",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Prepend",
  ]);
  switch (random.below(4)) {
    case 0:
      return { type: "Replace", pattern: pattern(random), content: random.pick(TEXTS) };
    case 1:
      return random.chance(0.5)
        ? { type: "Strip", strip_left: random.chance(0.5), strip_right: random.chance(0.5) }
        : { type: "StripAccents" };
    default: {
      const flags = { clean_text: random.chance(0.5), handle_chinese_chars: random.chance(0.5) };
      const strip = random.pick([null, true, false]);
      if (type === "BertNormalizer") return { type, ...flags, strip_accents: strip, lowercase: random.chance(0.5) };
      return type === "Prepend" ? { type, prepend: random.pick(TEXTS) } : { type };
    }
  }
}

function preTokenizer(random: Random): Part {
  const flag = (): boolean => random.chance(0.5);
  return random.pick<() => Part>([
    () => ({ type: random.pick(["BertPreTokenizer", "UnicodeScripts", "Whitespace", "WhitespaceSplit"]) }),
    () => ({ type: "ByteLevel", add_prefix_space: flag(), trim_offsets: flag(), use_regex: flag() }),
    () => ({ type: "CharDelimiterSplit", delimiter: random.pick(CHARS) }),
    () => ({ type: "Digits", individual_digits: flag() }),
    () => ({ type: "FixedLength", length: random.pick([1, 3, 5, 100]) }),
    () => ({ type: "Metaspace", replacement: random.pick(CHARS), prepend_scheme: random.pick(SCHEMES), split: flag() }),
    () => ({ type: "Punctuation", behavior: random.pick(BEHAVIORS) }),
    () => ({ type: "Split", pattern: pattern(random), behavior: random.pick(BEHAVIORS), invert: flag() }),
  ])();
}

function postProcessor(random: Random): Part {
  const ends = { sep: ["</s>", random.below(3)], cls: ["<s>", random.below(3)] };
  const trim = { trim_offsets: random.chance(0.5), add_prefix_space: random.chance(0.5) };
  const text = (id: "A" | "B"): Part => ({ Sequence: { id, type_id: random.below(2) } });
  const special = (): Part => ({ SpecialToken: { id: random.pick(["<s>", "</s>"]), type_id: 0 } });
  const around = (parts: Part[]): Part[] =>
    parts.flatMap((part) => [...random.times(2, special), part]).concat(random.times(2, special));
  return random.pick<() => Part>([
    () => ({ type: "BertProcessing", ...ends }),
    () => ({ type: "RobertaProcessing", ...ends, ...trim }),
    () => ({ type: "ByteLevel", ...trim, use_regex: random.chance(0.5) }),
    () => ({
      type: "TemplateProcessing",
      single: around([text("A")]),
      pair: around([text("A"), text("B")]),
      special_tokens: Object.fromEntries(
        ["<s>", "</s>"].map((id) => [id, { id, ids: [random.below(3), ...random.times(2, () => 1)], tokens: [id] }]),
      ),
    }),
  ])();
}

function decoder(random: Random): Part {
  const flag = (): boolean => random.chance(0.5);
  return random.pick<() => Part>([
    () => ({ type: random.pick(["ByteFallback", "ByteLevel", "Fuse"]) }),
    () => ({ type: "BPEDecoder", suffix: random.pick(TEXTS) }),
    () => ({ type: "CTC", pad_token: random.pick(TEXTS), word_delimiter_token: random.pick(TEXTS), cleanup: flag() }),
    () => ({ type: "Metaspace", replacement: random.pick(CHARS), prepend_scheme: random.pick(SCHEMES), split: flag() }),
    () => ({ type: "Replace", pattern: pattern(random), content: random.pick(TEXTS) }),
    () => ({ type: "Strip", content: random.pick(CHARS), start: random.below(3), stop: random.below(3) }),
    () => ({ type: "WordPiece", prefix: random.pick(TEXTS), cleanup: flag() }),
  ])();
}

function pattern(random: Random): Part {
  if (random.chance(0.5)) return { String: random.pick(TEXTS) };
  const usual = ["\\s+", " ?\\p{L}+", "(?i:'s|'t)|\\s+(?!\\S)|\\s+", "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+", "\\d{1,3}", ""];
  return { Regex: random.chance(0.6) ? random.pick(usual) : regex(random) };
}

interface Made {
  readonly model: Part;
  /** Tokens by id. */
  readonly vocab: readonly string[];
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyzHGĠ▁é中 '1!\n"];

function bpe(random: Random): Made {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const fallback = random.chance(0.3);
  const vocab = ["<unk>", "<s>", "</s>", ...(fallback ? bytes : []), ...LETTERS];
  const merges: [string, string][] = [];
  // Each merge joins two existing tokens: runs of one letter too, which take the most steps.
  for (let i = random.below(40); i > 0; i--) {
    const [left, right] = [random.pick(vocab.slice(3)), random.chance(0.3) ? "a" : random.pick(vocab.slice(3))];
    if (vocab.includes(left + right) || left.startsWith("<") || right.startsWith("<")) continue;
    merges.push([left, right]);
    vocab.push(left + right);
  }
  const model = {
    type: "BPE",
    dropout: random.chance(0.05) ? 0.1 : null,
    unk_token: random.pick([null, "<unk>"]),
    continuing_subword_prefix: random.chance(0.1) ? "##" : null,
    end_of_word_suffix: random.chance(0.1) ? "</w>" : null,
    fuse_unk: random.chance(0.5),
    byte_fallback: fallback,
    ignore_merges: random.chance(0.3),
    vocab: idsOf(vocab),
    merges: random.chance(0.5) ? merges : merges.map((pair) => pair.join(" ")),
  };
  return { model, vocab };
}

function wordPiece(random: Random): Made {
  const vocab = ["[UNK]", "<s>", "</s>", ...LETTERS, ...LETTERS.map((letter) => `##${letter}`), "Hello", "##llo"];
  const most = random.pick([100, 1, 5, 100_000]);
  const model = {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: most,
  };
  return { model: { ...model, vocab: idsOf(vocab) }, vocab };
}

function wordLevel(random: Random): Made {
  const vocab = ["<unk>", "<s>", "</s>", "Hello", "a", ",", ...random.times(20, () => random.pick(TEXTS))];
  return { model: { type: "WordLevel", vocab: idsOf(vocab), unk_token: "<unk>" }, vocab: [...new Set(vocab)] };
}

function unigram(random: Random): Made {
  const vocab = ["<unk>", "<s>", "</s>", ...LETTERS, "aa", "aaaa", "aaaaaaaa", "Hello", "▁a"];
  const scores = vocab.map((token) => [token, random.pick([0, -1, -2.5, -10, -random.next() * 20])]);
  return { model: { type: "Unigram", unk_id: 0, vocab: scores, byte_fallback: random.chance(0.2) }, vocab };
}

function idsOf(vocab: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(vocab)].map((token, i) => [token, i]));
}
