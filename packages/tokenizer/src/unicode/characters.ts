/** Character classes of Python's `tokenizers`: the engine's own may be of another version of Unicode. */

import {
  COMBINING_CLASSES,
  COMBINING_MARK,
  CONTROL,
  GENERAL_CATEGORIES,
  INERT,
  LOWER_CASE,
  NONSPACING_MARK,
  NUMERIC,
  PUNCTUATION,
  SCRIPTS,
  WORD,
} from "./data.js";

/** Number of code points. */
const CODE_POINTS = 0x110000;

/** Whether a code point belongs to a set. */
export type CharacterTest = (code: number) => boolean;

/** Word characters: `\w` of Rust's regex. */
export const isWord = lazySet(WORD);
/** Numbers: `char::is_numeric` of Rust. */
export const isNumeric = lazySet(NUMERIC);
/** Punctuation, ASCII symbols included, as in the pre-tokenizers. */
export const isPunctuation = lazySet(PUNCTUATION);
/** Characters that BertNormalizer removes. */
export const isControl = lazySet(CONTROL);
/** Marks that BertNormalizer strips. */
export const isNonspacingMark = lazySet(NONSPACING_MARK);
/** Marks that StripAccents strips. */
export const isCombiningMark = lazySet(COMBINING_MARK);
/** Characters that are newer than the Unicode version of the reference's normal forms. */
export const isInert = lazySet(INERT);

/** Returns the canonical combining class of a code point. */
export const combiningClass = lazyValues(COMBINING_CLASSES);
/** Returns a number for the script of a code point; 0 for one that goes with any script. */
export const scriptOf = lazyValues(SCRIPTS);

/** White space of Unicode (`White_Space`), which is not JavaScript's `\s`. */
export function isWhiteSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** General categories in the order of their bits. */
const CATEGORY_NAMES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split(
  " ",
);
const CATEGORY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#%";

let categories: Uint8Array | undefined;

/** The general category of each code point, as an index into the names. */
export function generalCategories(): Uint8Array {
  if (categories) return categories;
  categories = new Uint8Array(CODE_POINTS);
  let at = 0;
  for (const [, letter, length] of GENERAL_CATEGORIES.matchAll(/([A-Z!#%])([0-9a-z]*)/g)) {
    const end = at + (length ? Number.parseInt(length, 36) : 1);
    categories.fill(CATEGORY_LETTERS.indexOf(letter as string), at, end);
    at = end;
  }
  return categories;
}

/** Returns a bit for each general category that one of the names, such as `L` or `Lu`, covers. */
export function categoryMask(...names: string[]): number {
  let mask = 0;
  for (const [i, category] of CATEGORY_NAMES.entries()) if (names.some((n) => category.startsWith(n))) mask |= 1 << i;
  return mask;
}

/**
 * Returns the lower case of each character by itself, like Rust's `char::to_lowercase`: without the final sigma rule.
 */
export function lowerCase(char: string): string {
  lowerCases ??= pairs(LOWER_CASE);
  return lowerCases.get(char) ?? char.toLowerCase();
}

let lowerCases: Map<string, string> | undefined;

function pairs(data: string): Map<string, string> {
  const codes = numbers(data).map((code) => String.fromCodePoint(code));
  return new Map(codes.flatMap((char, i) => (i % 2 === 0 ? [[char, codes[i + 1] as string]] : [])));
}

function numbers(data: string): number[] {
  return data.split(" ").map((text) => Number.parseInt(text, 36));
}

/** Decodes a set from `gap length gap length …` on first use. */
function lazySet(data: string): CharacterTest {
  let bits: Uint8Array | undefined;
  return (code) => {
    bits ??= unpackSet(data);
    return bits[code >> 3] !== undefined && (((bits[code >> 3] as number) >> (code & 7)) & 1) === 1;
  };
}

function unpackSet(data: string): Uint8Array {
  const bits = new Uint8Array(CODE_POINTS >> 3);
  let at = 0;
  for (const [i, length] of numbers(data).entries()) {
    if (i % 2 === 1) for (let code = at; code < at + length; code++) bits[code >> 3]! |= 1 << (code & 7);
    at += length;
  }
  return bits;
}

/** Decodes values from `value length value length …` on first use. */
function lazyValues(data: string): (code: number) => number {
  let values: Uint8Array | undefined;
  return (code) => {
    values ??= unpackValues(data);
    return values[code] as number;
  };
}

function unpackValues(data: string): Uint8Array {
  const values = new Uint8Array(CODE_POINTS);
  let at = 0;
  const all = numbers(data);
  for (let i = 0; i < all.length; i += 2) {
    values.fill(all[i] as number, at, at + (all[i + 1] as number));
    at += all[i + 1] as number;
  }
  return values;
}
