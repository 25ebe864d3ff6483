/**
 * Replaces the wrong regular expression of Mistral's tokenizers with more than 100,000 tokens, as in transformers 5.18
 * with `"fix_mistral_regex": true` in `tokenizer_config.json`.
 */

import { isObject, type JsonObject } from "../fields.js";

const SPLIT = {
  type: "Split",
  pattern: {
    Regex:
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  },
  behavior: "Isolated",
  invert: false,
};
const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
/** Only larger tokenizers are affected. */
const MOST_UNAFFECTED = 100_000;
const MODEL_TYPES: ReadonlySet<unknown> = new Set(["mistral", "mistral3", "voxtral", "ministral", "pixtral"]);

export interface RegexFiles {
  /** `tokenizer_config.json`. */
  readonly config: JsonObject;
  /** The model's `config.json`. Without it, the model is unknown. */
  readonly modelConfig?: JsonObject;
  readonly preTokenizer: unknown;
  /** Number of tokens. */
  readonly size: number;
}

/**
 * Returns the right pre-tokenizer; `"wrong"` if there is a wrong one and the config does not set the option; otherwise
 * undefined.
 */
export function mistralRegex({
  config,
  modelConfig,
  preTokenizer,
  size,
}: RegexFiles): JsonObject | "wrong" | undefined {
  if (size <= MOST_UNAFFECTED || modelConfig === undefined || !isObject(preTokenizer)) return undefined;
  if (!isAffected(modelConfig)) return undefined;
  const fix = config.fix_mistral_regex ?? null;
  if (fix === null) return MODEL_TYPES.has(modelConfig.model_type) && !isRight(preTokenizer) ? "wrong" : undefined;
  if (fix === false || fix === 0 || fix === "") return undefined;
  const { pretokenizers, type } = preTokenizer;
  if (Array.isArray(pretokenizers)) return { ...preTokenizer, pretokenizers: [SPLIT, ...pretokenizers.slice(1)] };
  return { type: "Sequence", pretokenizers: [SPLIT, type === "Metaspace" ? BYTE_LEVEL : preTokenizer] };
}

/** Decides as the reference does: a model without a version may be any, whatever its type. */
function isAffected({ transformers_version: version, model_type: modelType }: JsonObject): boolean {
  if (typeof version !== "string" || version === "") return true;
  return isBefore5(version) && (modelType === undefined || modelType === null || MODEL_TYPES.has(modelType));
}

function isBefore5(version: string): boolean {
  const [, major = "", rest = ""] = /^v?(\d+)(.*)$/.exec(version.trim()) ?? [];
  return (
    Number(major) < 5 || (Number(major) === 5 && /^(?:\.0)*[._-]?(?:dev|a|b|c|rc|alpha|beta|pre|preview)/.test(rest))
  );
}

function isRight(preTokenizer: JsonObject): boolean {
  const { pretokenizers } = preTokenizer;
  const first: unknown = Array.isArray(pretokenizers) ? pretokenizers[0] : preTokenizer;
  return isObject(first) && isObject(first.pattern) && first.pattern.Regex === SPLIT.pattern.Regex;
}
