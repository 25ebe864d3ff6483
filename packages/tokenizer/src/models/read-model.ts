import { badValue, Fields, isObject } from "../fields.js";
import { Bpe } from "./bpe.js";
import type { Model } from "./model.js";
import { Unigram } from "./unigram.js";
import { WordLevel } from "./word-level.js";
import { WordPiece } from "./word-piece.js";

const MODELS: ReadonlyMap<string, new (model: Fields) => Model> = new Map<string, new (model: Fields) => Model>([
  ["BPE", Bpe],
  ["WordPiece", WordPiece],
  ["WordLevel", WordLevel],
  ["Unigram", Unigram],
]);

/** Reads `model`. */
export function readModel(value: unknown, where: string): Model {
  const fields = new Fields(value, where);
  const type = fields.get("type") ?? typeOfOldFile(fields);
  const Kind = typeof type === "string" ? MODELS.get(type) : undefined;
  if (Kind === undefined) throw badValue(fields.at("type"), `one of ${[...MODELS.keys()].join(", ")}`, type);
  return new Kind(fields);
}

/** Returns the kind of a model in an old file, which does not name it: the first kind whose fields are all present. */
function typeOfOldFile(fields: Fields): string | undefined {
  const vocab = fields.get("vocab");
  if (isObject(vocab)) {
    if (fields.has("merges")) return "BPE";
    if (!fields.has("unk_token")) return undefined;
    return fields.has("max_input_chars_per_word") && fields.has("continuing_subword_prefix")
      ? "WordPiece"
      : "WordLevel";
  }
  return Array.isArray(vocab) ? "Unigram" : undefined;
}
