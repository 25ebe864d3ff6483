import { gpt2 } from "../patterns/known-patterns.js";
import type { ReadPart } from "../read-parts.js";
import { toByteAlphabet } from "../unicode/byte-alphabet.js";
import type { PreTokenizer } from "./pre-tokenizer.js";
import { splitAt } from "./splitting.js";

const splitWords = splitAt(gpt2, "Isolated");

/** `ByteLevel`: GPT-2's words, in the byte alphabet. */
export const readByteLevel: ReadPart<PreTokenizer> = (fields) => {
  const prefixes = fields.boolean("add_prefix_space");
  const splits = fields.boolean("use_regex", true);
  fields.boolean("trim_offsets");
  return (text, emit) => {
    if (prefixes && !text.text.startsWith(" ")) text.prepend(" ");
    const toBytes = (word: typeof text): void => {
      word.map(toByteAlphabet);
      emit(word);
    };
    if (splits) splitWords(text, toBytes);
    else toBytes(text);
  };
};
