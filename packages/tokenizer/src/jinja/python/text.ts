/** Strings as in Python: sequences of code points, with Python's definition of white space and lines. */

const WHITESPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const IS_SPACE = new RegExp(`^[${WHITESPACE}]$`);
const WORDS = new RegExp(`[^${WHITESPACE}]+`, "g");
const LINE_ENDS = "\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE_END = new RegExp(`\\r\\n|[${LINE_ENDS}]`, "g");
const SURROGATE = /[\ud800-\udfff]/;

/** Whether a character is white space (one UTF-16 code unit suffices: no white space is beyond the BMP). */
export function isSpace(char: string): boolean {
  return IS_SPACE.test(char);
}

/** Returns the code points of a text, each as a string. */
export function points(text: string): string[] {
  return Array.from(text);
}

/** Returns the length in code points. */
export function pointLength(text: string): number {
  if (!SURROGATE.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Returns the text between two code point indices, both within it. */
export function pointSlice(text: string, start: number, stop: number): string {
  if (start >= stop) return "";
  if (!SURROGATE.test(text)) return text.slice(start, stop);
  return points(text).slice(start, stop).join("");
}

/** Converts an index in UTF-16 code units to one in code points. */
export function pointIndex(text: string, unit: number): number {
  return unit <= 0 ? unit : pointLength(text.slice(0, unit));
}

export function stripStart(text: string, chars?: string): string {
  const drop = dropper(chars);
  let start = 0;
  while (start < text.length) {
    const char = charAt(text, start);
    if (!drop(char)) break;
    start += char.length;
  }
  return text.slice(start);
}

export function stripEnd(text: string, chars?: string): string {
  const drop = dropper(chars);
  let end = text.length;
  while (end > 0) {
    const char = charBefore(text, end);
    if (!drop(char)) break;
    end -= char.length;
  }
  return text.slice(0, end);
}

export function strip(text: string, chars?: string): string {
  return stripStart(stripEnd(text, chars), chars);
}

function dropper(chars: string | undefined): (char: string) => boolean {
  if (chars === undefined) return isSpace;
  const set = new Set(chars);
  return (char) => set.has(char);
}

function charAt(text: string, index: number): string {
  return String.fromCodePoint(text.codePointAt(index) ?? 0);
}

function charBefore(text: string, end: number): string {
  const pair = text.slice(Math.max(0, end - 2), end);
  return pair.length === 2 && (pair.codePointAt(0) ?? 0) > 0xffff ? pair : text.slice(end - 1, end);
}

/** Returns the words between runs of white space, with the start of each. */
export function words(text: string): { word: string; index: number }[] {
  return Array.from(text.matchAll(WORDS), (match) => ({ word: match[0], index: match.index }));
}

/** Python's `str.splitlines`. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(LINE_END)) {
    lines.push(text.slice(start, keepEnds ? index + end.length : index));
    start = index + end.length;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** Orders two strings by code points; UTF-16 order differs beyond U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Sorts surrogates after all other code units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Characters whose title case is not their upper case: digraphs, and Greek letters with iota below. */
const DIGRAPHS = new Map(
  ["Ǆ", "Ǉ", "Ǌ", "Ǳ"].flatMap((upper, index) => {
    const title = ["ǅ", "ǈ", "ǋ", "ǲ"][index] as string;
    return [upper, title, upper.toLowerCase()].map((form): [string, string] => [form, title]);
  }),
);

/** Returns the title case of one character. */
function titleChar(char: string): string {
  const digraph = DIGRAPHS.get(char);
  if (digraph !== undefined) return digraph;
  // Georgian letters have capitals that titles do not use.
  if (/[\u10d0-\u10ff]/.test(char)) return char;
  if (/[\u1f80-\u1faf\u1fb3\u1fbc\u1fc3\u1fcc\u1ff3\u1ffc]/.test(char)) {
    const low = char.toLowerCase();
    // The capital form, with the iota beside it, is eight code points on, or nine.
    const code = low.codePointAt(0) as number;
    return String.fromCodePoint(code + (code < 0x1fb0 ? (code & 8 ? 0 : 8) : 9));
  }
  const upper = char.toUpperCase();
  // "ß" becomes "SS", whose title form is "Ss"; ligatures likewise.
  const [first = "", ...rest] = upper;
  return rest.length === 0 || !isCased(first) ? upper : first + rest.join("").toLowerCase();
}

/** Python's `str.capitalize`. */
export function capitalize(text: string): string {
  const [first = ""] = text;
  const lower = text.toLowerCase();
  return titleChar(first) + lower.slice(first.toLowerCase().length);
}

/** Python's `str.title`: a cased character after an uncased one begins a word. */
export function titleCase(text: string): string {
  const lower = points(text);
  let inWord = false;
  return lower
    .map((char) => {
      const cased = isCased(char);
      const result = inWord ? (char === "Σ" ? "σ" : char.toLowerCase()) : titleChar(char);
      inWord = cased;
      return result;
    })
    .join("");
}

export function isCased(char: string): boolean {
  return /^\p{Cased}$/u.test(char);
}
