/**
 * Splits the text of a template into tokens, as Jinja2 3.1 does with `trim_blocks` and `lstrip_blocks`: removes the
 * newline after a block, and blanks between the start of a line and a block. Each character is visited a bounded number
 * of times.
 */

import { parseFloatText, parseInteger } from "./python/numbers.js";
import { stripEnd } from "./python/text.js";
import { TemplateError } from "./template-error.js";
import type { Value } from "./values.js";

export type TokenType =
  | "data"
  | "variable_begin"
  | "variable_end"
  | "block_begin"
  | "block_end"
  | "name"
  | "string"
  | "number"
  | "operator"
  | "eof";

export interface Token {
  readonly type: TokenType;
  /** Text of data, names, operators and strings; the number itself. */
  readonly value: Value;
  readonly line: number;
}

const OPERATORS = new Set("+ - / // * % ** ~ [ ] ( ) { } == != > >= < <= = . : | , ;".split(" "));
const CLOSERS = new Map([
  ["{", "}"],
  ["(", ")"],
  ["[", "]"],
]);
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const RAW = new RegExp(`\\{%[-+]?${SPACE}raw${SPACE}(?:-%\\}${SPACE}|%\\})`, "y");
const END_RAW = new RegExp(`\\{%([-+]?)${SPACE}endraw${SPACE}(?:\\+%\\}|-%\\}${SPACE}|%\\}\\n?)`, "y");
const BLANK = new RegExp(SPACE, "y");
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{L}\p{N}\p{M}_\u00b7\u0387\u1369-\u1371\u19da]+/uy;
const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

export function tokenize(template: string): Token[] {
  let source = template.replace(/\r\n?/g, "\n");
  if (source.endsWith("\n")) source = source.slice(0, -1);
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  let lineStarting = true;

  while (at < source.length) {
    const open = nextTag(source, at);
    if (open === -1) {
      data(source.slice(at));
      break;
    }
    const raw = match(RAW, source, open);
    const sign = source[open + 2] ?? "";
    const isVariable = source[open + 1] === "{";
    data(trimBefore(source.slice(at, open), sign, isVariable));
    count(source.slice(at, open));
    if (raw !== undefined) readRaw(open + raw.length, raw);
    else if (source[open + 1] === "#") readComment(open + 2);
    else readTag(open + (sign === "-" || sign === "+" ? 3 : 2), isVariable);
  }
  tokens.push({ type: "eof", value: "", line });
  return tokens;

  function data(text: string): void {
    if (text !== "") tokens.push({ type: "data", value: text, line });
  }

  function count(text: string): void {
    for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) line += 1;
  }

  function fail(message: string): never {
    throw new TemplateError("TemplateSyntaxError", `${message} (line ${line})`);
  }

  /** Returns the text before a tag, without what the tag's sign or `lstrip_blocks` removes. */
  function trimBefore(text: string, sign: string, isVariable: boolean): string {
    if (sign === "-") return stripEnd(text);
    if (sign === "+" || isVariable) return text;
    const start = text.lastIndexOf("\n") + 1;
    if (start === 0 && !lineStarting) return text;
    return match(BLANK, text, start)?.length === text.length - start ? text.slice(0, start) : text;
  }

  /** Moves beyond the end of a tag. */
  function moveTo(end: number): void {
    count(source.slice(at, end));
    lineStarting = source[end - 1] === "\n";
    at = end;
  }

  function readComment(from: number): void {
    at = from;
    const start = source[from] === "-" || source[from] === "+" ? from + 1 : from;
    const close = source.indexOf("#}", start);
    if (close === -1) fail("Missing end of comment tag");
    const sign = close > start ? source[close - 1] : "";
    let end = close + 2;
    if (sign === "-") end += match(BLANK, source, end)?.length ?? 0;
    else if (sign !== "+" && source[end] === "\n") end += 1;
    moveTo(end);
  }

  function readRaw(from: number, opening: string): void {
    lineStarting = opening.endsWith("\n");
    count(opening);
    at = from;
    for (let open = source.indexOf("{%", from); open !== -1; open = source.indexOf("{%", open + 1)) {
      const end = match(END_RAW, source, open);
      if (end === undefined) continue;
      const text = source.slice(from, open);
      const sign = source[open + 2] ?? "";
      data(trimBefore(text, sign, false));
      moveTo(open + end.length);
      return;
    }
    fail("Missing end of raw directive");
  }

  function readTag(from: number, isVariable: boolean): void {
    tokens.push({ type: isVariable ? "variable_begin" : "block_begin", value: "", line });
    const expected: string[] = [];
    at = from;
    for (;;) {
      const end = expected.length === 0 ? tagEnd(isVariable) : undefined;
      if (end !== undefined) {
        tokens.push({ type: isVariable ? "variable_end" : "block_end", value: "", line });
        moveTo(end);
        return;
      }
      const blank = match(BLANK, source, at) ?? "";
      if (blank !== "") {
        moveTo(at + blank.length);
        continue;
      }
      if (at >= source.length) return;
      readToken(expected);
    }
  }

  /** Returns the end of the tag that closes here, with the white space that its sign or `trim_blocks` removes. */
  function tagEnd(isVariable: boolean): number | undefined {
    const close = isVariable ? "}}" : "%}";
    const sign = source[at];
    if (sign === "-" && source.startsWith(close, at + 1)) return at + 3 + (match(BLANK, source, at + 3)?.length ?? 0);
    if (isVariable) return source.startsWith(close, at) ? at + 2 : undefined;
    if (sign === "+" && source.startsWith(close, at + 1)) return at + 3;
    if (!source.startsWith(close, at)) return undefined;
    return at + 2 + (source[at + 2] === "\n" ? 1 : 0);
  }

  function readToken(expected: string[]): void {
    const char = source[at] as string;
    const number = match(FLOAT, source, at) ?? match(INTEGER, source, at);
    if (number !== undefined) {
      const text = number.replaceAll("_", "");
      const isFloat = /[.]|^[0-9]+e/i.test(text);
      const value = isFloat ? parseFloatText(text) : parseInteger(text, 0);
      if (value === undefined) fail(`"${text.slice(0, 40)}" is not a number in Python`);
      push("number", value, number);
      return;
    }
    const name = match(NAME, source, at);
    if (name !== undefined) {
      if (!IDENTIFIER.test(name)) fail("Invalid character in identifier");
      push("name", name, name);
      return;
    }
    if (char === "'" || char === '"') {
      const end = stringEnd(at, char);
      if (end !== -1) {
        push("string", unescapeString(source.slice(at + 1, end), fail), source.slice(at, end + 1));
        return;
      }
    }
    const two = source.slice(at, at + 2);
    const operator = OPERATORS.has(two) ? two : char;
    if (!OPERATORS.has(operator)) fail(`unexpected char '${char}' at ${at}`);
    const closer = CLOSERS.get(operator);
    if (closer !== undefined) expected.push(closer);
    else if (operator === "}" || operator === ")" || operator === "]") {
      const due = expected.pop();
      if (due === undefined) fail(`unexpected '${operator}'`);
      if (due !== operator) fail(`unexpected '${operator}', expected '${due}'`);
    }
    push("operator", operator, operator);
  }

  function push(type: TokenType, value: Value, text: string): void {
    tokens.push({ type, value, line });
    moveTo(at + text.length);
  }

  function stringEnd(from: number, mark: string): number {
    for (let index = from + 1; index < source.length; index++) {
      if (source[index] === "\\") index += 1;
      else if (source[index] === mark) return index;
    }
    return -1;
  }
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Returns the index of the next `{%`, `{{` or `{#`. */
function nextTag(source: string, from: number): number {
  for (let at = source.indexOf("{", from); at !== -1; at = source.indexOf("{", at + 1)) {
    const next = source[at + 1];
    if (next === "%" || next === "{" || next === "#") return at;
  }
  return -1;
}

const SIMPLE = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\n", ""],
]);

/** Decodes the escapes of a string like Python's codec `unicode-escape`. */
function unescapeString(text: string, fail: (message: string) => never): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{0,2})|u([0-9a-fA-F]{0,4})|U([0-9a-fA-F]{0,8})|(N(?:\{[^}]*\})?)|([\s\S]?))/gu,
    (whole, octal, x, u, U, named, other) => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      if (named !== undefined)
        return fail(`character names, as in ${whole.slice(0, 40)}, are not supported: write the character`);
      for (const [digits, length] of [
        [x, 2],
        [u, 4],
        [U, 8],
      ] as const) {
        if (digits === undefined) continue;
        if (digits.length < length) fail(`truncated escape ${whole}`);
        const code = Number.parseInt(digits, 16);
        if (code > 0x10ffff) fail("illegal Unicode character");
        return String.fromCodePoint(code);
      }
      const simple = SIMPLE.get(other);
      if (simple !== undefined) return simple;
      // Jinja escapes non-ASCII characters before it reads escapes, so the backslash here meets another one.
      const code = (other as string).codePointAt(0) ?? 0;
      if (code < 0x80) return whole;
      if (code < 0x100) return `\\x${code.toString(16)}`;
      return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
    },
  );
}
