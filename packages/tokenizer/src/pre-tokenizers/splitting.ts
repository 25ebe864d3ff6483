/** Pre-tokenizers that split a text at matches. */

import { readPattern } from "../patterns/pattern.js";
import type { ReadPart } from "../read-parts.js";
import { type FindMatches, matchCharacters, SPLIT_BEHAVIORS, type SplitBehavior, splitSpans } from "../text/split.js";
import { isNumeric, isPunctuation, isWhiteSpace, isWord } from "../unicode/characters.js";
import type { PreTokenizer } from "./pre-tokenizer.js";

/** Splits at the matches of a pattern. */
export function splitAt(find: FindMatches, behavior: SplitBehavior, invert = false): PreTokenizer {
  return (piece, emit) => {
    const text = piece.text;
    const spans = splitSpans(text, find(text, piece.budget), behavior, invert);
    for (let i = 0; i < spans.length; i += 2) emit(piece.slice(spans[i] as number, spans[i + 1] as number));
  };
}

/** `Split`. */
export const readSplit: ReadPart<PreTokenizer> = (fields) =>
  splitAt(readPattern(fields), fields.oneOf("behavior", SPLIT_BEHAVIORS), fields.boolean("invert"));

/** `Punctuation`. */
export const readPunctuation: ReadPart<PreTokenizer> = (fields) =>
  splitAt(matchCharacters(isPunctuation), fields.oneOf("behavior", SPLIT_BEHAVIORS, "Isolated"));

/** `Digits`. */
export const readDigits: ReadPart<PreTokenizer> = (fields) =>
  splitAt(matchCharacters(isNumeric), fields.boolean("individual_digits") ? "Isolated" : "Contiguous");

/** `CharDelimiterSplit`. */
export const readDelimiter: ReadPart<PreTokenizer> = (fields) => {
  const delimiter = fields.char("delimiter").codePointAt(0);
  return splitAt(
    matchCharacters((code) => code === delimiter),
    "Removed",
  );
};

/** `WhitespaceSplit`. */
export const whitespaceSplit: PreTokenizer = splitAt(matchCharacters(isWhiteSpace), "Removed");

/** `Whitespace`: words, and runs of characters that are neither word characters nor white space. */
export const whitespace: PreTokenizer = splitAt(
  (text) => {
    const matches: number[] = [];
    let kind = 0;
    for (let at = 0; at < text.length; ) {
      const code = text.codePointAt(at) as number;
      const next = at + (code > 0xffff ? 2 : 1);
      const own = isWord(code) ? 1 : isWhiteSpace(code) ? 0 : 2;
      if (own !== 0 && own === kind) matches[matches.length - 1] = next;
      else if (own !== 0) matches.push(at, next);
      kind = own;
      at = next;
    }
    return matches;
  },
  "Removed",
  true,
);

const isolatePunctuation = splitAt(matchCharacters(isPunctuation), "Isolated");

/** `BertPreTokenizer`. */
export const bert: PreTokenizer = (text, emit) => whitespaceSplit(text, (word) => isolatePunctuation(word, emit));
