import { safeName } from "@mixtape/errors";
import { GgufUnsupportedError } from "../errors.js";

/** Splits of the text of a byte-level tokenizer, before its bytes are merged. */
export interface ByteLevelSplits {
  /** Patterns in Oniguruma's syntax, applied one after the other; what a pattern does not match stays whole. */
  readonly patterns: readonly string[];
  /** Whether a word that is a token is not merged from its parts. */
  readonly ignoreMerges?: boolean;
  /** Whether texts begin with the begin-of-text token unless the metadata say otherwise. */
  readonly addBos?: boolean;
}

const SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const SYMBOLS = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
const WORD = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
/** Letters but small or capital ones of ASCII, as llama.cpp has them: the tokenizers' own patterns also take marks. */
const CAPITALS = "[\\p{L}&&[^a-z]]";
const SMALL = "[\\p{L}&&[^A-Z]]";
const BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";
const casedWords = (ending: string): string =>
  `${BEFORE}${CAPITALS}*${SMALL}+${ending}|${BEFORE}${CAPITALS}+${SMALL}*${ending}`;
const PATHS = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const LLAMA3 = `${CONTRACTION}|${WORD}|\\p{N}{1,3}|${SYMBOLS}|${SPACES}`;
const QWEN2 = `${CONTRACTION}|${WORD}|\\p{N}|${SYMBOLS}|${SPACES}`;
const QWEN35 = `${CONTRACTION}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${SPACES}`;
const DEEPSEEK3 =
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" +
  `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${SPACES}`;
/** Text up to a number's next digits, which are in threes, counted from its end. */
const THOUSANDS = "\\P{N}*\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))";
/** Han, Kana, Thai, Lao, Khmer, Myanmar and Hangul. */
const ASIAN = "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+";

const gpt2: ByteLevelSplits = { patterns: [GPT2] };
const digitsAndGpt2: ByteLevelSplits = { patterns: ["\\p{N}", GPT2] };
const llama3: ByteLevelSplits = { patterns: [LLAMA3], ignoreMerges: true, addBos: true };
const qwen2: ByteLevelSplits = { patterns: [QWEN2] };
const gpt4o: ByteLevelSplits = {
  patterns: [`${casedWords(`${CONTRACTION}?`)}|\\p{N}{1,3}|${PATHS}|${SPACES}`],
};

/** By `tokenizer.ggml.pre`: `llm_tokenizer_bpe` and `llama_vocab::impl::load` of llama.cpp. */
const SPLITS: ReadonlyMap<string, ByteLevelSplits> = new Map<string, ByteLevelSplits>([
  ...["gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo", "jais"].map(
    (name) => [name, gpt2] as const,
  ),
  ...["trillion", "granite-docling"].map((name) => [name, gpt2] as const),
  ...["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"].map(
    (name) => [name, digitsAndGpt2] as const,
  ),
  ...["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"].map(
    (name) => [name, llama3] as const,
  ),
  ...["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"].map((name) => [name, { patterns: [LLAMA3] }] as const),
  ...["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2"].map(
    (name) => [name, qwen2] as const,
  ),
  ["qwen35", { patterns: [QWEN35] }],
  ...["gpt-4o", "llama4", "kanana2", "minimax-m2"].map((name) => [name, gpt4o] as const),
  ["tekken", { patterns: [`${casedWords("")}|\\p{N}|${PATHS}|${SPACES}`], ignoreMerges: true, addBos: true }],
  ["deepseek-v3", { patterns: ["\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3] }],
  ["afmoe", { patterns: [THOUSANDS, ASIAN, DEEPSEEK3] }],
  ["default", { patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"] }],
]);

/**
 * Returns the splits of a pre-tokenizer.
 * @throws {GgufUnsupportedError} for an unknown one, listing the known
 */
export function byteLevelSplits(name: string, where: string): ByteLevelSplits {
  const found = SPLITS.get(name);
  if (found) return found;
  throw new GgufUnsupportedError({
    where: `${where}: tokenizer.ggml.pre`,
    expected: `one of ${[...SPLITS.keys()].join(", ")}`,
    got: safeName(JSON.stringify(name)),
    fix: "Load the tokenizer from the Hugging Face checkpoint of the model",
  });
}
