/** Filters of single values: numbers, defaults, JSON. */

import { type Bound, bind } from "../python/arguments.js";
import { getAttribute, hasAttribute } from "../python/attributes.js";
import { truth } from "../python/compare.js";
import { readIndent, readSeparators, toJson } from "../python/json.js";
import {
  arithmetic,
  asNumber,
  parseFloatText,
  parseInteger,
  roundFloat,
  roundInt,
  toFixed,
  toFloat,
  truncate,
} from "../python/numbers.js";
import { prettyPrint } from "../python/pretty-print.js";
import type { Filter, Runtime } from "../runtime.js";
import { TemplateError, typeError } from "../template-error.js";
import { type Arguments, asText, typeName, Undefined, type Value } from "../values.js";

export const VALUE_FILTERS: readonly (readonly [string, Filter])[] = [
  ["abs", abs],
  ["attr", attr],
  ["d", fallback],
  ["default", fallback],
  ["filesizeformat", fileSize],
  ["float", toFloatFilter],
  ["int", toInt],
  ["pprint", pretty],
  ["round", round],
  ["tojson", json],
];

function needNumber(value: Value, label: string): bigint | number {
  const number = asNumber(value);
  if (number !== undefined) return number;
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  throw typeError(`bad operand type for ${label}(): '${typeName(value)}'`);
}

function abs(value: Value, args: Arguments): Value {
  bind("abs", args, []);
  const number = needNumber(value, "abs");
  if (typeof number === "number") return Math.abs(number);
  return number < 0n ? -number : number;
}

function attr(value: Value, args: Arguments, { budget }: Runtime): Value {
  const name = bind("attr", args, ["name"]).text("name");
  if (!(value instanceof Undefined) && hasAttribute(value, name, budget)) return getAttribute(value, name, budget);
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  return new Undefined(`'${typeName(value)} object' has no attribute '${name}'`);
}

function fallback(value: Value, args: Arguments): Value {
  const bound = bind("default", args, ["default_value?", "boolean?"]);
  const other = bound.get("default_value", "");
  return value instanceof Undefined || (bound.flag("boolean", false) && !truth(value)) ? other : value;
}

/** `float(value)`, with `undefined` for Python's TypeError and ValueError. */
function floatOf(value: Value): number | undefined {
  const text = asText(value);
  if (text !== undefined) return parseFloatText(text);
  const number = asNumber(value);
  if (number !== undefined) return typeof number === "bigint" ? toFloat(number) : number;
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  return undefined;
}

function toFloatFilter(value: Value, args: Arguments): Value {
  const other = bind("float", args, ["default?"]).get("default", 0);
  return floatOf(value) ?? other;
}

function toInt(value: Value, args: Arguments): Value {
  const bound = bind("int", args, ["default?", "base?"]);
  const other = bound.get("default", 0n);
  const text = asText(value);
  if (text !== undefined) {
    const base = bound.int("base", 10);
    const int = base === 0 || (base >= 2 && base <= 36) ? parseInteger(text, base) : undefined;
    if (int !== undefined) return int;
  } else {
    const number = asNumber(value);
    if (typeof number === "bigint") return number;
    if (number === Number.POSITIVE_INFINITY || number === Number.NEGATIVE_INFINITY) return truncate(number);
  }
  const float = floatOf(value);
  return float === undefined || !Number.isFinite(float) ? other : truncate(float);
}

function round(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("round", args, ["precision?", "method?"]);
  const method = bound.get("method", "common");
  if (method !== "common" && method !== "ceil" && method !== "floor")
    throw new TemplateError("FilterArgumentError", "method must be common, ceil or floor");
  if (method === "common") {
    if (bound.get("precision") === null) {
      const whole = needNumber(value, "round");
      return typeof whole === "bigint" ? whole : truncate(roundFloat(whole, 0));
    }
    const places = bound.int("precision", 0);
    const number = needNumber(value, "round");
    return typeof number === "bigint" ? roundInt(number, places) : roundFloat(number, places);
  }
  return roundTo(value, bound, method, budget);
}

/** `ceil(value * 10 ** precision) / 10 ** precision`, a float; `floor` likewise. */
function roundTo(value: Value, bound: Bound, method: "ceil" | "floor", budget: Runtime["budget"]): Value {
  const precision = bound.get("precision", 0n);
  const scale = arithmetic("**", 10n, needNumber(precision, "pow"), budget);
  const scaled = arithmetic("*", needNumber(value, method), scale, budget);
  const whole = typeof scaled === "bigint" ? scaled : truncate(Number.isFinite(scaled) ? Math[method](scaled) : scaled);
  return arithmetic("/", whole, scale, budget);
}

function json(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("tojson", args, ["ensure_ascii?", "indent?", "separators?", "sort_keys?"]);
  const indent = readIndent(bound.get("indent"), budget);
  const separators = readSeparators(bound.get("separators"), indent);
  return toJson(
    value,
    { ensureAscii: bound.flag("ensure_ascii", false), indent, separators, sortKeys: bound.flag("sort_keys", false) },
    budget,
  );
}

function pretty(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("pprint", args, []);
  return prettyPrint(value, budget);
}

const SIZES = ["k", "M", "G", "T", "P", "E", "Z", "Y"];

function fileSize(value: Value, args: Arguments): Value {
  const binary = bind("filesizeformat", args, ["binary?"]).flag("binary", false);
  const bytes = floatOf(value);
  if (bytes === undefined)
    throw typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${truncate(bytes)} Bytes`;
  let unit = base;
  let name = "";
  for (const size of SIZES) {
    unit *= base;
    name = binary ? `${size.toUpperCase()}iB` : `${size}B`;
    if (bytes < unit) break;
  }
  const size = (base * bytes) / unit;
  return `${Number.isFinite(size) ? toFixed(size, 1) : size} ${name}`;
}
