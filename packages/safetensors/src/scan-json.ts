/** Limits of {@link scanJson} beyond those of `JSON.parse`. */
export interface JsonLimits {
  /** Maximum nesting of objects and arrays. */
  readonly maxDepth: number;
  /** Whether a number must be plain digits: no sign, no fraction, no exponent. */
  readonly naturalsOnly: boolean;
  /** Maximum number of keys in all objects together. */
  readonly maxKeys: number;
}

/**
 * More tensors than the largest checkpoints have, of a trillion parameters, and few enough to read in a second or two.
 */
export const MAX_TENSORS = 300_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NUMBER = /-?[0-9][0-9.eE+-]*/y;
const NATURAL = /^(?:0|[1-9][0-9]*)$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Finds what `JSON.parse` hides: duplicate keys, `1.0` and `-0` accepted as integers, escaped lone surrogates; and
 * refuses deep nesting and too many keys before they cost memory and time. The result is meaningful for valid JSON
 * only: run `JSON.parse` as well. For any other text the result is unspecified.
 * @returns what is wrong, as a noun phrase, or undefined.
 */
export function scanJson(text: string, { maxDepth, naturalsOnly, maxKeys }: JsonLimits): string | undefined {
  const tooMany = `more than ${maxKeys} keys`;
  // A cheap check before all keys are compared.
  let keysSeen = 0;
  for (let at = text.indexOf('":'); at !== -1; at = text.indexOf('":', at + 2))
    if (++keysSeen > maxKeys) return tooMany;
  let keyCount = 0;
  // One entry per open bracket: the keys of an object, null for an array.
  const open: (Set<string> | null)[] = [];
  let keyMayFollow = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        if (open.length === maxDepth) return `brackets nested deeper than ${maxDepth}`;
        const isObject = text.charCodeAt(at) === OPEN_BRACE;
        open.push(isObject ? new Set() : null);
        keyMayFollow = isObject;
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        keyMayFollow = false;
        break;
      case COMMA:
        keyMayFollow = open.at(-1) instanceof Set;
        break;
      case QUOTE: {
        const end = closingQuote(text, at);
        const string = decode(text, at, end);
        if (string === undefined) return undefined; // not JSON
        // Text decoded from UTF-8 has lone surrogates only in escapes.
        if (string.length < end - at - 1 && LONE_SURROGATE.test(string))
          return `a string with half a surrogate pair at character ${at}`;
        const keys = open.at(-1);
        if (keyMayFollow && keys) {
          if (keys.has(string)) return `the key ${quote(string)} twice`;
          if (++keyCount > maxKeys) return tooMany;
          keys.add(string);
        }
        keyMayFollow = false;
        at = end;
        break;
      }
      default: {
        if (!naturalsOnly) break;
        NUMBER.lastIndex = at;
        const number = NUMBER.exec(text)?.[0];
        if (number === undefined) break;
        if (!NATURAL.test(number)) return `the number ${number.slice(0, 40)} at character ${at}`;
        at += number.length - 1;
      }
    }
  }
  return undefined;
}

/** Truncates text from a file for an error message, since a hostile file may make it long. */
export function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Truncates like {@link cut}, in quotes and escaped. */
export function quote(text: string): string {
  return JSON.stringify(cut(text));
}

/** Returns the index of the closing quote of the string that begins at `start`, or -1. */
function closingQuote(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

function decode(text: string, start: number, end: number): string | undefined {
  if (end === -1) return undefined;
  const raw = text.slice(start + 1, end);
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}
