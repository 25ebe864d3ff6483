/** Filters of text. */

import { bind, takesNone } from "../python/arguments.js";
import { iterate, sizeOf, truth } from "../python/compare.js";
import { printf } from "../python/format.js";
import { escapeHtml } from "../python/markup.js";
import { markupMethod, stripTags } from "../python/markup-methods.js";
import { binary } from "../python/operators.js";
import { quote, str } from "../python/repr.js";
import { joinText, replaceText, STRING_METHODS } from "../python/string-methods.js";
import { isSpace, pointLength, pointSlice, splitLines } from "../python/text.js";
import type { Filter, Runtime } from "../runtime.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { type Arguments, asText, Dict, Markup, orElse, Tuple, typeName, Undefined, type Value } from "../values.js";
import { urlEncode, urlize } from "./url-filters.js";
import { wordWrap } from "./word-wrap.js";

export const TEXT_FILTERS: readonly (readonly [string, Filter])[] = [
  ["capitalize", method("capitalize", [])],
  ["center", method("center", ["width?"], { width: 80n })],
  ["e", escapeFilter],
  ["escape", escapeFilter],
  [
    "forceescape",
    (value, args, { budget }) => takesNone("forceescape", args, () => escapeHtml(str(value, budget), budget)),
  ],
  ["format", format],
  ["indent", indent],
  ["lower", method("lower", [])],
  ["replace", replace],
  ["safe", (value, args, { budget }) => takesNone("safe", args, () => new Markup(str(value, budget)))],
  ["string", (value, args, { budget }) => takesNone("string", args, () => softText(value, budget))],
  ["striptags", (value, args, { budget }) => takesNone("striptags", args, () => stripTags(str(value, budget), budget))],
  ["title", title],
  ["trim", trim],
  ["truncate", truncateText],
  ["upper", method("upper", [])],
  ["urlencode", urlEncode],
  ["urlize", urlize],
  ["wordcount", wordCount],
  ["wordwrap", wordWrap],
  ["xmlattr", xmlAttributes],
];

/** `soft_str`: converts to a string and keeps safe strings. */
function softText(value: Value, budget: Runtime["budget"]): string | Markup {
  return value instanceof Markup ? value : str(value, budget);
}

/** Calls a method of a string, safe or not. */
function callMethod(
  text: string | Markup,
  name: string,
  positional: readonly Value[],
  budget: Runtime["budget"],
): Value {
  const args = { positional, named: new Map() };
  if (text instanceof Markup) return (markupMethod(text, name, budget) as (args: Arguments) => Value)(args);
  return (STRING_METHODS.get(name) as NonNullable<ReturnType<typeof STRING_METHODS.get>>)(text, args, budget);
}

/** Creates a filter that is a method of the value's text. */
function method(
  name: string,
  parameters: readonly string[],
  defaults: Readonly<{ [parameter: string]: Value }> = {},
): Filter {
  return (value, args, { budget }) => {
    const bound = bind(name, args, parameters);
    const positional = parameters.map((parameter) => {
      const plain = parameter.replace("?", "");
      return bound.get(plain, orElse(defaults[plain], null));
    });
    return callMethod(softText(value, budget), name, positional, budget);
  };
}

function escapeFilter(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("escape", args, []);
  return escapeHtml(value, budget);
}

function format(value: Value, { positional, named }: Arguments, { budget }: Runtime): Value {
  if (positional.length > 0 && named.size > 0) {
    throw new TemplateError("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
  }
  const values = named.size > 0 ? new Dict(named) : new Tuple(positional);
  const text = softText(value, budget);
  return text instanceof Markup
    ? new Markup(printf(text.text, values, true, budget))
    : printf(text, values, false, budget);
}

function replace(value: Value, args: Arguments, runtime: Runtime): Value {
  const { budget } = runtime;
  const bound = bind("replace", args, ["old", "new", "count?"]);
  const count = bound.get("count") === null ? -1 : bound.int("count", -1);
  const [old, by] = [bound.get("old") as Value, bound.get("new") as Value];
  if (!runtime.autoescape) return replaceText(str(value, budget), str(old, budget), str(by, budget), count, budget);
  const escaped = old instanceof Markup || (by instanceof Markup && !(value instanceof Markup));
  const text = escaped ? escapeHtml(value, budget) : softText(value, budget);
  if (!(text instanceof Markup)) return replaceText(text, str(old, budget), str(by, budget), count, budget);
  return new Markup(replaceText(text.text, str(old, budget), escapeHtml(by, budget).text, count, budget));
}

function trim(value: Value, args: Arguments, { budget }: Runtime): Value {
  const chars = bind("trim", args, ["chars?"]).get("chars", null);
  return callMethod(softText(value, budget), "strip", [chars], budget);
}

/** Words begin after white space, hyphens and opening brackets; unlike in `str.title`, not after apostrophes. */
function title(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("title", args, []);
  const text = str(value, budget);
  budget.text(text.length * 2);
  let starts = true;
  let result = "";
  let rest = "";
  const flush = () => {
    result += rest.toLowerCase();
    rest = "";
  };
  for (const char of text) {
    const breaks = isSpace(char) || "-({[<".includes(char);
    if (breaks) {
      flush();
      result += char;
      starts = true;
    } else if (starts) {
      result += char.toUpperCase();
      starts = false;
    } else rest += char;
  }
  flush();
  return result;
}

function indent(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("indent", args, ["width?", "first?", "blank?"]);
  const width = bound.get("width", 4n);
  const text = asText(value);
  if (text === undefined) {
    if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
    throw typeError(`unsupported operand type(s) for +=: '${typeName(value)}' and 'str'`);
  }
  const spaces = typeof width === "string" || width instanceof Markup ? width : binary("*", " ", width, budget);
  const margin = asText(spaces) as string;
  const lines = splitLines(`${text}\n`);
  const blank = bound.flag("blank", false);
  budget.text(text.length + lines.length * margin.length);
  const indented = lines.map((line, index) => (index > 0 && (blank || line !== "") ? margin + line : line)).join("\n");
  const result = bound.flag("first", false) ? margin + indented : indented;
  return value instanceof Markup ? new Markup(result) : result;
}

function truncateText(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("truncate", args, ["length?", "killwords?", "end?", "leeway?"]);
  const length = bound.int("length", 255);
  const end = bound.text("end", "...");
  const leeway = bound.get("leeway") === null ? 5 : bound.int("leeway", 5);
  const room = length - pointLength(end);
  if (room < 0) throw new TemplateError("AssertionError", `expected length >= ${pointLength(end)}, got ${length}`);
  if (leeway < 0) throw new TemplateError("AssertionError", `expected leeway >= 0, got ${leeway}`);
  const size = sizeOf(value);
  if (size === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  if (size <= length + leeway) return value;
  const text = asText(value);
  if (text === undefined) throw typeError(`can only concatenate ${typeName(value)} (not "str") to ${typeName(value)}`);
  const cut = pointSlice(text, 0, room);
  const space = cut.lastIndexOf(" ");
  const kept = bound.flag("killwords", false) || space === -1 ? cut : cut.slice(0, space);
  if (!(value instanceof Markup)) return kept + end;
  return new Markup(kept + escapeHtml(bound.get("end", "..."), budget).text);
}

function wordCount(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("wordcount", args, []);
  const text = str(value, budget);
  budget.text(text.length);
  return BigInt((text.match(/[\p{L}\p{N}_]+/gu) ?? []).length);
}

function xmlAttributes(value: Value, args: Arguments, runtime: Runtime): Value {
  const { budget } = runtime;
  const space = bind("xmlattr", args, ["autospace?"]).get("autospace", true);
  if (!(value instanceof Dict)) throw typeError(`'${typeName(value)}' object has no attribute 'items'`);
  const parts: string[] = [];
  for (const entry of iterate(value, budget)) {
    const item = value.get(entry) as Value;
    if (item === null || item instanceof Undefined) continue;
    const name = asText(entry);
    if (name === undefined) throw typeError("expected string or bytes-like object");
    if (/[\t-\r />=]/.test(name)) throw valueError(`Invalid character in attribute name: ${quote(name, budget)}`);
    parts.push(`${escapeHtml(entry, budget).text}="${escapeHtml(item, budget).text}"`);
  }
  const text = (truth(space) && parts.length > 0 ? " " : "") + joinText(parts, " ", budget);
  return runtime.autoescape ? new Markup(text) : text;
}
