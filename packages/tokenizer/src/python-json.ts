/**
 * JSON as in Python's `json.loads`. `JSON.parse` loses what a chat template can print: floats such as `1.0`, integers
 * of more than 53 bits, and the position of keys such as `"2"`.
 */

import { describe } from "./fields.js";
import { TokenizerError } from "./tokenizer-error.js";

/** A float with a whole value, such as `1.0`: JavaScript cannot otherwise distinguish it from the integer `1`. */
export class PythonFloat {
  constructor(readonly value: number) {}

  valueOf(): number {
    return this.value;
  }

  /** Serializes as a plain number. */
  toJSON(): number {
    return this.value;
  }
}

/** Maximum nesting. Python's own limit is near 1000. */
const MAX_DEPTH = 500;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;
const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/**
 * Parses JSON without losing what a chat template can distinguish. Numbers are numbers, but integers that need more
 * than 53 bits are `bigint`s, and floats with whole values are `PythonFloat`s. Objects are plain, but those with keys
 * like `"2"`, which JavaScript would move to the front, are `Map`s. Messages and tools that are parsed this way render
 * as they do in Python.
 *
 * @param where Name of the text, for errors
 * @throws {TokenizerError} if the text is not JSON, or nests more than 500 levels deep
 */
export function parsePythonJson(text: string, where = "JSON"): unknown {
  if (typeof text !== "string") throw new TokenizerError({ where, expected: "text", got: describe(text) });
  let at = 0;
  skip();
  const value = read(0);
  skip();
  if (at < text.length) fail("the end of the text");
  return value;

  function fail(expected: string): never {
    throw new TokenizerError({
      where,
      expected: `${expected} at character ${at + 1}`,
      got: at < text.length ? JSON.stringify(text.slice(at, at + 20)) : "the end",
    });
  }

  function skip(): void {
    BLANK.lastIndex = at;
    BLANK.exec(text);
    at = BLANK.lastIndex;
  }

  function take(char: string): boolean {
    if (text[at] !== char) return false;
    at += 1;
    skip();
    return true;
  }

  function read(depth: number): unknown {
    if (depth > MAX_DEPTH) fail(`at most ${MAX_DEPTH} levels of nesting`);
    const char = text[at];
    if (char === "{") return readObject(depth);
    if (char === "[") return readArray(depth);
    if (char === '"') return readString();
    for (const [word, value] of WORDS) {
      if (!text.startsWith(word, at)) continue;
      at += word.length;
      return value;
    }
    return readNumber();
  }

  function readArray(depth: number): unknown[] {
    const items: unknown[] = [];
    take("[");
    if (take("]")) return items;
    do {
      items.push(read(depth + 1));
      skip();
    } while (take(","));
    if (!take("]")) fail("',' or ']'");
    return items;
  }

  function readObject(depth: number): unknown {
    const entries = new Map<string, unknown>();
    take("{");
    if (take("}")) return {};
    do {
      if (text[at] !== '"') fail("a key in double quotes");
      const key = readString();
      skip();
      if (!take(":")) fail("':'");
      entries.set(key, read(depth + 1));
      skip();
    } while (take(","));
    if (!take("}")) fail("',' or '}'");
    const moves = [...entries.keys()].some((key) => /^(?:0|[1-9]\d*)$/.test(key));
    return moves ? entries : Object.fromEntries(entries);
  }

  function readString(): string {
    let end = at + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    const source = text.slice(at, end + 1);
    try {
      const value: unknown = JSON.parse(source);
      at = end + 1;
      return value as string;
    } catch {
      return fail("a string");
    }
  }

  function readNumber(): number | bigint | PythonFloat {
    NUMBER.lastIndex = at;
    const match = NUMBER.exec(text);
    if (match === null) return fail("a value");
    at += match[0].length;
    const value = Number(match[0]);
    if (match[1] !== undefined || match[2] !== undefined)
      return Number.isInteger(value) ? new PythonFloat(value) : value;
    if (Number.isSafeInteger(value)) return Object.is(value, -0) ? 0 : value;
    return match[0].length > 4300 ? fail("an integer of at most 4300 digits") : BigInt(match[0]);
  }
}
