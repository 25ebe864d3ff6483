import { badValue, type Fields } from "../fields.js";
import type { ReadPart } from "../read-parts.js";
import { matchString } from "../text/split.js";
import type { PreTokenizer } from "./pre-tokenizer.js";
import { splitAt } from "./splitting.js";

/** Placement of prepended marks: at every piece, at the beginning of the text only, never. */
export type PrependScheme = "always" | "first" | "never";

const SCHEMES: readonly PrependScheme[] = ["always", "first", "never"];
const spaces = matchString(" ");

/** Reads `prepend_scheme`, and `add_prefix_space` of older files. */
export function readPrependScheme(fields: Fields): PrependScheme {
  const scheme = fields.oneOf("prepend_scheme", SCHEMES, "always");
  if (fields.get("add_prefix_space") === false && scheme !== "never")
    throw badValue(fields.at("prepend_scheme"), '"never", since add_prefix_space is false', scheme);
  return scheme;
}

/** `Metaspace`: a visible mark, mostly "▁", for each space. */
export const readMetaspace: ReadPart<PreTokenizer> = (fields) => {
  const mark = fields.char("replacement");
  const scheme = readPrependScheme(fields);
  const split = fields.get("split") === null || fields.boolean("split", true);
  const cut = splitAt(matchString(mark), "MergedWithNext");
  return (text, emit) => {
    text.replace(spaces(text.text, text.budget), mark);
    const first = scheme === "always" || (scheme === "first" && text.origin === 0);
    if (first && !text.text.startsWith(mark)) text.prepend(mark);
    if (split) cut(text, emit);
    else emit(text);
  };
};
