/** Decoders of tokens that are words or parts of words. */

import type { ReadPart } from "../read-parts.js";
import type { Decoder } from "./decoder.js";

/** `BPEDecoder`: a mark at the ends of words becomes a space. */
export const readBpe: ReadPart<Decoder> = (fields) => {
  const suffix = fields.string("suffix");
  return {
    decode: (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? "" : " ")),
    local: false,
  };
};

/** `WordPiece`: tokens without the prefix begin a word. */
export const readWordPiece: ReadPart<Decoder> = (fields) => {
  const prefix = fields.string("prefix");
  const cleans = fields.boolean("cleanup");
  const spaced = (token: string): string => (token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
  return {
    decode: (tokens) =>
      tokens.map((token, i) => {
        const text = i === 0 ? token : spaced(token);
        return cleans ? cleanUp(text, WORD_PIECE_CLEANUP) : text;
      }),
    local: true,
  };
};

/** `CTC`: removes repeated tokens and padding. */
export const readCtc: ReadPart<Decoder> = (fields) => {
  const padding = fields.string("pad_token");
  const delimiter = fields.string("word_delimiter_token");
  const cleans = fields.boolean("cleanup");
  return {
    decode: (tokens) =>
      tokens
        .filter((token, i) => token !== tokens[i - 1])
        .map((token) => token.replaceAll(padding, ""))
        .map((text) => (cleans ? cleanUp(text, WORD_PIECE_CLEANUP).replaceAll(delimiter, " ") : text))
        .filter((text) => text !== ""),
    local: false,
  };
};

type Replacements = readonly (readonly [before: string, after: string])[];

const WORD_PIECE_CLEANUP: Replacements = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Replacements of transformers' `clean_up_tokenization_spaces` for decoded text: all of these but "do not". */
export const TEXT_CLEANUP: Replacements = WORD_PIECE_CLEANUP.filter(([before]) => before !== " do not");

/** Removes spaces before punctuation and contractions. */
export function cleanUp(text: string, replacements: Replacements): string {
  return replacements.reduce((done, [before, after]) => done.replaceAll(before, after), text);
}
