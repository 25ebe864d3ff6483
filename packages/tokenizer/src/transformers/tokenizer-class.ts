/** The class with which AutoTokenizer of transformers reads a tokenizer: some put stages of their own in place of the file's. */

import type { JsonObject } from "../fields.js";
import { TokenizerError } from "../tokenizer-error.js";

/** Classes that are followed here. `TokenizersBackend` takes `tokenizer.json` as it is. */
export const REBUILDING_CLASSES = [
  "BertTokenizer",
  "CohereTokenizer",
  "GPT2Tokenizer",
  "GPTNeoXTokenizer",
  "GemmaTokenizer",
  "LlamaTokenizer",
  "Qwen2Tokenizer",
  "Qwen3_5Tokenizer",
] as const;

export type RebuildingClass = (typeof REBUILDING_CLASSES)[number];

export type TokenizerClass = RebuildingClass | "TokenizersBackend";

/** Classes of transformers 5.18 that have stages, or code, of their own, and are not followed here. */
const OTHER_CLASSES: ReadonlySet<string> = new Set(
  (
    "Albert Bart Barthez Bartpho BertGeneration BertJapanese Bertweet BigBird BioGpt Blenderbot BlenderbotSmall ByT5 CLIP CTRL " +
    "Camembert Canine Clvp CodeLlama CpmAnt Cpm DPRQuestionEncoder Deberta DebertaV2 Dia Esm Esmc FNet FSMT Flaubert Funnel " +
    "GPTNeoXJapanese Herbert LED Lasr LayoutLMv2 LayoutLMv3 LayoutXLM Luke Lxmert MBart50 MBart MPNet MarkupLM Mgpstr " +
    "MobileBert Mvp MyT5 Nllb Nougat OpenAIGPT PLBart Pegasus Perceiver Phobert ProphetNet Rag Reformer RemBert RoCBert " +
    "RoFormer Roberta SeamlessM4T Siglip2 Splinter T5 Tapas Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper XGLM " +
    "XLMRoberta XLM XLNet"
  )
    .split(" ")
    .map((name) => `${name}Tokenizer`),
);

/** The class that transformers registers for a `model_type`, for the families of decoders here and their kin. */
const REGISTERED: ReadonlyMap<string, TokenizerClass> = new Map<string, TokenizerClass>([
  ["mistral", "TokenizersBackend"],
  ["mixtral", "TokenizersBackend"],
  ["deepseek_v2", "TokenizersBackend"],
  ["deepseek_v3", "TokenizersBackend"],
  ["minimax_m2", "TokenizersBackend"],
  ["phimoe", "TokenizersBackend"],
  ["qwen2", "Qwen2Tokenizer"],
  ["qwen2_moe", "Qwen2Tokenizer"],
  ["qwen3", "Qwen2Tokenizer"],
  ["qwen3_moe", "Qwen2Tokenizer"],
  ["qwen3_next", "Qwen2Tokenizer"],
  ["qwen3_5", "Qwen3_5Tokenizer"],
  ["qwen3_5_moe", "Qwen3_5Tokenizer"],
  ["olmoe", "GPTNeoXTokenizer"],
]);

/** Model types whose published `tokenizer_class` is known to be wrong: the registered class counts. */
const WRONG_ON_THE_HUB: ReadonlySet<string> = new Set(["qwen2", "qwen3_5", "qwen3_5_moe"]);

/**
 * The class that AutoTokenizer chooses from `tokenizer_class` and the model's `model_type`.
 *
 * @throws {TokenizerError} for a class with stages of its own that is not followed here
 */
export function tokenizerClass(config: JsonObject, modelConfig: JsonObject, where: string): TokenizerClass {
  const modelType = modelConfig.model_type;
  const registered = typeof modelType === "string" ? REGISTERED.get(modelType) : undefined;
  const given = [config.tokenizer_class, modelConfig.tokenizer_class].find((name) => typeof name === "string" && name);
  if (typeof given !== "string") return registered ?? "TokenizersBackend";
  const name = given.replace(/Fast$/, "");
  if (registered === undefined || registered === name) return known(name, where);
  if (registered === "TokenizersBackend") return registered;
  return WRONG_ON_THE_HUB.has(modelType as string) ? registered : known(name, where);
}

function known(name: string, where: string): TokenizerClass {
  const found = REBUILDING_CLASSES.find((other) => other === name);
  if (found) return found;
  if (!OTHER_CLASSES.has(name)) return "TokenizersBackend";
  throw new TokenizerError({
    where: `${where}: tokenizer_class`,
    expected: `PreTrainedTokenizerFast, or one of ${REBUILDING_CLASSES.join(", ")}`,
    got: `${name}, whose own stages take the place of those in tokenizer.json in transformers`,
    fix: 'AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python writes those stages; then set "tokenizer_class": "PreTrainedTokenizerFast"',
  });
}
