import { safeName } from "@mixtape/errors";
import type { Metadata } from "../header/metadata.js";
import { specialToken } from "./special-tokens.js";

/** Types of tokens: `llama_token_type`. */
const [UNKNOWN, CONTROL, USER_DEFINED] = [2, 3, 4];

/** The tokens of a file. */
export interface Vocabulary {
  readonly metadata: Metadata;
  readonly tokens: readonly string[];
  /** Ids by text. */
  readonly ids: ReadonlyMap<string, number>;
  /** Tokens that are found in a text before it is split, as `added_tokens` of `tokenizer.json`. */
  readonly added: readonly object[];
}

/** @throws {GgufFormatError} if there are no tokens, two with the same text, or a type is missing */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const key = "tokenizer.ggml.tokens";
  const texts = metadata.strings(key);
  if (!texts || texts.length === 0) throw metadata.error(key, "the tokens of the vocabulary", "none");
  // As in llama.cpp: an empty token is none of the text.
  const tokens = texts.map((text, id) => (text === "" ? `[EMPTY_${id}]` : text));
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    const other = ids.get(token);
    if (other !== undefined)
      throw metadata.error(
        key,
        "tokens with different texts",
        `${safeName(JSON.stringify(token))} as ${other} and ${id}`,
      );
    ids.set(token, id);
  });
  return { metadata, tokens, ids, added: addedTokens(metadata, tokens) };
}

function addedTokens(metadata: Metadata, tokens: readonly string[]): object[] {
  const key = "tokenizer.ggml.token_type";
  const types = metadata.numbers(key);
  if (types && types.length < tokens.length)
    throw metadata.error(key, `${tokens.length} types, one for each token`, `${types.length}`);
  const named = new Set((["bos", "eos", "eot", "eom"] as const).map((name) => specialToken(metadata, name)));
  return tokens.flatMap((content, id) => {
    const type = types?.[id];
    const special = type === CONTROL || type === UNKNOWN || named.has(id);
    if (!special && type !== USER_DEFINED) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
}
