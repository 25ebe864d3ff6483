/** Python's two ways of formatting: `"%5.2f" % x` and `"{:5.2f}".format(x)`. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { type Arguments, asInt, asText, Dict, Markup, Tuple, typeName, Undefined, type Value } from "../values.js";
import { floatDigits, formatValue, intDigits } from "./format-spec.js";
import { escapeHtml } from "./markup.js";
import { toFloat, truncate } from "./numbers.js";
import { ascii, repr, str } from "./repr.js";
import { pointLength, pointSlice } from "./text.js";

const DIRECTIVE = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([\s\S])?/uy;

/** `format % values`. In a safe string, values are escaped. */
export function printf(format: string, values: Value, safe: boolean, budget: Budget): string {
  const isTuple = values instanceof Tuple;
  const items: readonly Value[] = isTuple ? values.items : [values];
  const mapping = values instanceof Dict ? values : undefined;
  let used = 0;
  let text = "";
  let from = 0;
  const next = (): Value => {
    const item = items[used];
    if (item === undefined) throw typeError("not enough arguments for format string");
    used += 1;
    return item;
  };
  const size = (spec: string | undefined): number | undefined => {
    if (spec !== "*") return spec === undefined ? undefined : Number(spec);
    const star = asInt(next());
    if (star === undefined) throw typeError("* wants int");
    return Number(star);
  };
  for (let at = format.indexOf("%"); at !== -1; at = format.indexOf("%", from)) {
    text += format.slice(from, at);
    DIRECTIVE.lastIndex = at;
    const match = DIRECTIVE.exec(format);
    const code = match?.[5];
    if (match === null || code === undefined) throw valueError("incomplete format");
    from = at + match[0].length;
    if (match[1] !== undefined && mapping === undefined) throw typeError("format requires a mapping");
    if (code === "%") {
      text += "%";
      continue;
    }
    let flags = match[2] as string;
    let width = size(match[3]) ?? 0;
    if (width < 0) {
      flags += "-";
      width = -width;
    }
    const precision = match[4] === "" ? 0 : size(match[4]);
    budget.text(text.length + width + (precision ?? 0));
    const value = match[1] === undefined ? next() : lookUp(mapping as Dict, match[1]);
    text += directive(value, code, flags, width, precision, safe, budget);
  }
  if (used < items.length && mapping === undefined && (isTuple || !isIgnored(values))) {
    throw typeError("not all arguments converted during string formatting");
  }
  return text + format.slice(from);
}

/**
 * Whether extra values are ignored: a value with keys may be unused, that is, any subscriptable object except a tuple
 * or a string.
 */
function isIgnored(value: Value): boolean {
  return Array.isArray(value) || value instanceof Undefined;
}

function lookUp(mapping: Dict, key: string): Value {
  const value = mapping.get(key);
  if (value === undefined) throw new TemplateError("KeyError", `'${key}'`);
  return value;
}

function directive(
  value: Value,
  code: string,
  flags: string,
  width: number,
  precision: number | undefined,
  safe: boolean,
  budget: Budget,
): string {
  let sign = "";
  let body: string;
  if (code === "s" || code === "r" || code === "a") {
    const plain = code === "s" ? str(value, budget) : code === "r" ? repr(value, budget) : ascii(value, budget);
    body = safe ? escapeHtml(code === "s" && value instanceof Markup ? value : plain, budget).text : plain;
    if (precision !== undefined) body = pointSlice(body, 0, Math.min(precision, pointLength(body)));
  } else if (code === "c") body = character(value);
  else {
    const number = numeric(value, code);
    const negative = number < 0 || Object.is(number, -0);
    sign = negative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
    if (typeof number === "bigint") {
      const { digits, prefix } = intDigits(negative ? -number : number, code);
      body = digits.padStart(precision ?? 0, "0");
      if (flags.includes("#")) sign += prefix;
    } else body = floatDigits(Math.abs(number), code, precision, flags.includes("#"), budget);
  }
  const missing = width - pointLength(sign + body);
  if (missing <= 0) return sign + body;
  if (flags.includes("-")) return sign + body + " ".repeat(missing);
  if (flags.includes("0") && !"srac".includes(code)) return sign + "0".repeat(missing) + body;
  return " ".repeat(missing) + sign + body;
}

function character(value: Value): string {
  const text = asText(value);
  if (text !== undefined && pointLength(text) === 1) return text;
  const code = asInt(value);
  if (code === undefined) throw typeError("%c requires int or char");
  if (code < 0n || code > 0x10ffffn) throw new TemplateError("OverflowError", "%c arg not in range(0x110000)");
  return String.fromCodePoint(Number(code));
}

function numeric(value: Value, code: string): bigint | number {
  const int = asInt(value);
  if ("diu".includes(code)) {
    if (typeof value === "number") return truncate(value);
  } else if ("oxX".includes(code)) {
    if (int === undefined) throw typeError(`%${code} format: an integer is required, not ${typeName(value)}`);
  } else if ("eEfFgG".includes(code)) {
    if (int !== undefined) return toFloat(int);
    if (typeof value === "number") return value;
    throw typeError(`must be real number, not ${typeName(value)}`);
  } else throw valueError(`unsupported format character '${code}'`);
  if (int === undefined) throw typeError(`%${code} format: a real number is required, not ${typeName(value)}`);
  return int;
}

/** Resolves attributes (`.name`) and items (`[key]`) of a field, as the environment does. */
export interface FieldLookup {
  attribute(value: Value, name: string): Value;
  item(value: Value, key: Value): Value;
}

/** `format.format(*args, **kwargs)`. */
export function formatFields(
  format: string,
  args: Arguments,
  safe: boolean,
  lookup: FieldLookup,
  budget: Budget,
): string {
  let automatic = 0;
  let manual = false;
  return expand(format, 2);

  function expand(text: string, depth: number): string {
    if (depth < 0) throw valueError("Max string recursion exceeded");
    let result = "";
    let at = 0;
    while (at < text.length) {
      const char = text[at] as string;
      if (char === "{" || char === "}") {
        if (text[at + 1] === char) {
          result += char;
          at += 2;
          continue;
        }
        if (char === "}") throw valueError("Single '}' encountered in format string");
        const end = closing(text, at + 1);
        result += field(text.slice(at + 1, end), depth);
        budget.text(result.length, 1);
        at = end + 1;
        continue;
      }
      let end = at;
      while (end < text.length && text[end] !== "{" && text[end] !== "}") end += 1;
      result += text.slice(at, end);
      at = end;
    }
    return result;
  }

  function field(source: string, depth: number): string {
    const { name, conversion, spec } = splitField(source);
    let value = resolve(name);
    if (conversion === "r") value = repr(value, budget);
    else if (conversion === "a") value = ascii(value, budget);
    else if (conversion === "s") value = str(value, budget);
    else if (conversion !== undefined) throw valueError(`Unknown conversion specifier ${conversion}`);
    const specText = expand(spec, depth - 1);
    if (!safe) return formatValue(value, specText, budget);
    if (value instanceof Markup) {
      if (specText !== "") throw valueError("Unsupported format specification for Markup.");
      return value.text;
    }
    return escapeHtml(formatValue(value, specText, budget), budget).text;
  }

  function resolve(name: string): Value {
    const [, first = "", rest = ""] = /^([^.[]*)([\s\S]*)$/.exec(name) ?? [];
    let value = argument(first);
    const path = /\.([^.[]*)|\[([^\]]*)\]|([\s\S])/gu;
    for (const [, attribute, key, wrong] of rest.matchAll(path)) {
      if (wrong !== undefined) throw valueError("Only '.' or '[' may follow ']' in format field specifier");
      if (attribute === "" || key === "") throw valueError("Empty attribute in format string");
      if (attribute !== undefined) value = lookup.attribute(value, attribute);
      else value = lookup.item(value, /^[0-9]+$/.test(key as string) ? BigInt(key as string) : (key as string));
    }
    return value;
  }

  function argument(first: string): Value {
    let index = first;
    if (first === "") {
      if (manual) throw valueError("cannot switch from manual field specification to automatic field numbering");
      index = String(automatic);
      automatic += 1;
    } else if (/^[0-9]+$/.test(first)) {
      if (automatic > 0) throw valueError("cannot switch from manual field specification to automatic field numbering");
      manual = true;
    }
    const value = /^[0-9]+$/.test(index) ? args.positional[Number(index)] : args.named.get(index);
    if (value === undefined) {
      if (/^[0-9]+$/.test(index))
        throw new TemplateError("IndexError", `Replacement index ${index} out of range for positional args tuple`);
      throw new TemplateError("KeyError", `'${index}'`);
    }
    return value;
  }
}

function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    else if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  throw valueError("expected '}' before end of string");
}

function splitField(source: string): { name: string; conversion: string | undefined; spec: string } {
  let end = 0;
  let bracket = false;
  for (; end < source.length; end++) {
    const char = source[end];
    if (char === "[") bracket = true;
    else if (char === "]") bracket = false;
    else if (!bracket && (char === ":" || char === "!")) break;
    if (char === "{" && !bracket) throw valueError("unexpected '{' in field name");
  }
  const name = source.slice(0, end);
  if (source[end] !== "!") return { name, conversion: undefined, spec: source.slice(end + 1) };
  const conversion = source[end + 1];
  const colon = source[end + 2];
  if (conversion === undefined) throw valueError("end of string while looking for conversion specifier");
  if (colon !== undefined && colon !== ":") throw valueError("expected ':' after conversion specifier");
  return { name, conversion, spec: source.slice(end + 3) };
}
