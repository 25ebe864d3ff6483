/**
 * The patterns of well-known tokenizers, spelt as in their files, as hand-written functions: in time linear in the
 * text, and with the reference's own character classes.
 */

import { type FindMatches, matchCharacters } from "../text/split.js";
import { type CharacterTest, isWhiteSpace } from "../unicode/characters.js";
import {
  among,
  anyCaseContraction,
  category,
  contraction,
  firstOf,
  headAndRun,
  lineEnds,
  lowerWord,
  noneOf,
  prefixedRun,
  type Rule,
  run,
  spaces,
  spacesBeforeLast,
  upperWord,
} from "./rules.js";

const letter = category("L");
const digit = category("N");
const mark = category("M");
const space = among(" ");
const lineEnd = among("\r\n");
const symbol = noneOf(isWhiteSpace, letter, digit);
/** `[^\r\n\p{L}\p{N}]`. */
const beforeWord = noneOf(lineEnd, letter, digit);
const upper = category("Lu", "Lt", "Lm", "Lo", "M");
const lower = category("Ll", "Lm", "Lo", "M");
const letterOrMark = category("L", "M");

/** ` ?[^\s\p{L}\p{N}]+[\r\n]*`, then white space. */
const symbolsAndSpaces = (tail: CharacterTest): Rule[] => [
  prefixedRun(space, symbol, tail),
  lineEnds,
  spacesBeforeLast,
  spaces,
];

/** GPT-2, and ByteLevel without its own pattern. */
export const gpt2: FindMatches = firstOf(
  contraction,
  prefixedRun(space, letter),
  prefixedRun(space, digit),
  prefixedRun(space, symbol),
  spacesBeforeLast,
  spaces,
);

/** Words of GPT-4 (cl100k) and those after it: Llama 3 with digits by threes, Qwen by one. */
const cl100k = (word: CharacterTest, digits: number, before = beforeWord): FindMatches =>
  firstOf(anyCaseContraction, prefixedRun(before, word), run(digit, digits), ...symbolsAndSpaces(lineEnd));

/** Words of GPT-4o (o200k): split where an upper-case letter follows a lower-case one. */
const o200k = (digits: number, ending?: Rule): FindMatches =>
  firstOf(
    lowerWord(beforeWord, upper, lower, ending),
    upperWord(beforeWord, upper, lower, ending),
    run(digit, digits),
    ...symbolsAndSpaces(among("\r\n/")),
  );

const deepseek: FindMatches = firstOf(
  headAndRun(among("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), isAsciiLetter),
  prefixedRun(noneOf(lineEnd, category("L", "P", "S")), letterOrMark),
  prefixedRun(space, category("P", "S"), lineEnd),
  lineEnds,
  spacesBeforeLast,
  spaces,
);

const ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const CAPITALS = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const SMALL = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";
const SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const SYMBOLS = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
const PATH_SYMBOLS = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";
const casedWords = (ending: string): string =>
  `${BEFORE}${CAPITALS}*${SMALL}+${ending}|${BEFORE}${CAPITALS}+${SMALL}*${ending}`;

const KNOWN: ReadonlyMap<string, FindMatches> = new Map<string, FindMatches>([
  ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", gpt2],
  // GPT-4, as tiktoken spells it and without possessive quantifiers.
  [
    `${ENDING}|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
    cl100k(letter, 3),
  ],
  [`${ENDING}|${BEFORE}\\p{L}+|\\p{N}{1,3}|${SYMBOLS}|${SPACES}`, cl100k(letter, 3)],
  [`${ENDING}|${BEFORE}\\p{L}+|\\p{N}|${SYMBOLS}|${SPACES}`, cl100k(letter, 1)],
  // Qwen 3.5.
  [
    `${ENDING}|${BEFORE}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${SPACES}`,
    firstOf(
      anyCaseContraction,
      prefixedRun(beforeWord, letterOrMark),
      run(digit, 1),
      prefixedRun(space, noneOf(isWhiteSpace, letter, mark, digit), lineEnd),
      lineEnds,
      spacesBeforeLast,
      spaces,
    ),
  ],
  [`${casedWords(`${ENDING}?`)}|\\p{N}{1,3}|${PATH_SYMBOLS}|${SPACES}`, o200k(3, anyCaseContraction)],
  // Mistral's Tekken.
  [`${casedWords("")}|\\p{N}|${PATH_SYMBOLS}|${SPACES}`, o200k(1)],
  // DeepSeek V3.
  [
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" +
      `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${SPACES}`,
    deepseek,
  ],
  ["[一-龥\u3040-ゟ゠-ヿ]+", firstOf(run(isHanOrKana))],
  ["\\p{N}{1,3}", firstOf(run(digit, 3))],
  ["\\p{N}", matchCharacters(digit)],
  ["\\s+", firstOf(spaces)],
]);

/** Returns the function of a pattern in Oniguruma's syntax; undefined for an unknown one. */
export function knownPattern(source: string): FindMatches | undefined {
  // Some files contain literal line ends instead of `\\r` and `\\n`.
  return KNOWN.get(source.replaceAll("\r", "\\r").replaceAll("\n", "\\n"));
}

function isAsciiLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function isHanOrKana(code: number): boolean {
  return (code >= 0x4e00 && code <= 0x9fa5) || (code >= 0x3040 && code <= 0x30ff);
}
