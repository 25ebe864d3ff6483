/**
 * The class with which AutoTokenizer of transformers reads a tokenizer: some replace the file's stages by their own.
 */

import type { JsonObject } from "../fields.js";
import { TokenizerError } from "../tokenizer-error.js";
import { OWN_STAGES, REGISTERED, WRONG_ON_THE_HUB } from "./model-types.js";

/** Supported classes. `TokenizersBackend` uses `tokenizer.json` as it is. */
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

const OTHER_CLASSES: ReadonlySet<string> = new Set(OWN_STAGES.split(" "));
const WRONG: ReadonlySet<string> = new Set(WRONG_ON_THE_HUB.split(" "));
const CLASS_OF_MODEL_TYPE: ReadonlyMap<string, string> = new Map(
  Object.entries(REGISTERED).flatMap(([name, types]) => types.split(" ").map((type) => [type, name] as const)),
);

/**
 * Returns the class that AutoTokenizer chooses from `tokenizer_class` and the model's `model_type`.
 *
 * @throws {TokenizerError} for an unsupported class with its own stages
 */
export function tokenizerClass(config: JsonObject, modelConfig: JsonObject, where: string): TokenizerClass {
  const modelType = modelConfig.model_type;
  const registered = typeof modelType === "string" ? CLASS_OF_MODEL_TYPE.get(modelType) : undefined;
  const given = [config.tokenizer_class, modelConfig.tokenizer_class].find((name) => typeof name === "string" && name);
  if (typeof given !== "string") return registered === undefined ? "TokenizersBackend" : known(registered, where);
  const name = given.replace(/Fast$/, "");
  if (registered === undefined || registered === name) return known(name, where);
  if (registered === "TokenizersBackend") return "TokenizersBackend";
  return known(WRONG.has(modelType as string) ? registered : name, where);
}

function known(name: string, where: string): TokenizerClass {
  const found = REBUILDING_CLASSES.find((other) => other === name);
  if (found) return found;
  if (!OTHER_CLASSES.has(name)) return "TokenizersBackend";
  throw new TokenizerError({
    where: `${where}: tokenizer_class`,
    expected: `PreTrainedTokenizerFast, or one of ${REBUILDING_CLASSES.join(", ")}`,
    got: `${name}, which replaces the stages in tokenizer.json by its own in transformers`,
    fix: 'AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python writes those stages; then set "tokenizer_class": "PreTrainedTokenizerFast"',
  });
}
