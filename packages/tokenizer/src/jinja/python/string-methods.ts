/** Methods of Python's `str`. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { type Arguments, asInt, asText, Dict, typeName, type Value } from "../values.js";
import { bind } from "./arguments.js";
import { toList } from "./compare.js";
import type { StringMethod } from "./string-method.js";
import { affix, count, found, search } from "./string-search.js";
import { partition, rpartition, rsplit, split } from "./string-splitting.js";
import {
  capitalize,
  isCased,
  isSpace,
  pointLength,
  points,
  splitLines,
  strip,
  stripEnd,
  stripStart,
  titleCase,
} from "./text.js";

/** Methods of `str`. A safe string (`Markup`) returns plain results for those that return no text. */
export const STRING_METHODS: ReadonlyMap<string, StringMethod> = new Map<string, StringMethod>([
  ["capitalize", plain("capitalize", capitalize)],
  ["casefold", plain("casefold", casefold)],
  ["lower", plain("lower", (text) => text.toLowerCase())],
  ["upper", plain("upper", (text) => text.toUpperCase())],
  ["title", plain("title", titleCase)],
  ["swapcase", plain("swapcase", swapCase)],
  ["strip", stripping("strip", strip)],
  ["lstrip", stripping("lstrip", stripStart)],
  ["rstrip", stripping("rstrip", stripEnd)],
  ["center", padding("center", (missing, width) => (missing >> 1) + (missing & width & 1))],
  ["ljust", padding("ljust", () => 0)],
  ["rjust", padding("rjust", (missing) => missing)],
  ["zfill", zfill],
  ["expandtabs", expandTabs],
  ["replace", replace],
  ["split", split],
  ["rsplit", rsplit],
  ["splitlines", (text, args) => splitLines(text, bind("splitlines", args, ["keepends?"]).flag("keepends", false))],
  ["partition", partition],
  ["rpartition", rpartition],
  ["join", join],
  ["find", (text, args, budget) => search("find", text, args, budget)],
  ["rfind", (text, args, budget) => search("rfind", text, args, budget)],
  ["index", (text, args, budget) => found(search("index", text, args, budget))],
  ["rindex", (text, args, budget) => found(search("rindex", text, args, budget))],
  ["count", count],
  ["startswith", affix("startswith", (text, part) => text.startsWith(part))],
  ["endswith", affix("endswith", (text, part) => text.endsWith(part))],
  ["removeprefix", remove("removeprefix", (text, part) => (text.startsWith(part) ? text.slice(part.length) : text))],
  [
    "removesuffix",
    remove("removesuffix", (text, part) => (text.endsWith(part) ? text.slice(0, text.length - part.length) : text)),
  ],
  ["isalnum", every("isalnum", /^[\p{L}\p{N}]$/u)],
  ["isalpha", every("isalpha", /^\p{L}$/u)],
  ["isdecimal", every("isdecimal", /^\p{Nd}$/u)],
  [
    "isdigit",
    every(
      "isdigit",
      /^[\p{Nd}\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]$/u,
    ),
  ],
  [
    "isnumeric",
    every(
      "isnumeric",
      /^[\p{N}\u3405\u3483\u382a\u3b4d\u4e00\u4e03\u4e07\u4e09\u4e5d\u4e8c\u4e94\u4e96\u4ebf-\u4ec0\u4edf\u4ee8\u4f0d\u4f70\u5104\u5146\u5169\u516b\u516d\u5341-\u5345\u534c\u53c1-\u53c4\u56db\u58f1\u58f9\u5e7a\u5efe-\u5eff\u5f0c-\u5f0e\u5f10\u62fe\u634c\u67d2\u6f06\u7396\u767e\u8086\u842c\u8cae\u8cb3\u8d30\u9621\u9646\u964c\u9678\u96f6\uf96b\uf973\uf978\uf9b2\uf9d1\uf9d3\uf9fd]$/u,
    ),
  ],
  ["isspace", (text, args) => bind("isspace", args, []) && text !== "" && Array.from(text).every(isSpace)],
  ["isascii", (text, args) => bind("isascii", args, []) && !/[\u0080-\uffff]/.test(text)],
  ["isprintable", (text, args) => bind("isprintable", args, []) && !/[\p{C}\p{Z}]/u.test(text.replaceAll(" ", ""))],
  ["isidentifier", (text, args) => bind("isidentifier", args, []) && /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(text)],
  ["islower", (text, args) => bind("islower", args, []) && isLower(text)],
  ["isupper", (text, args) => bind("isupper", args, []) && isUpper(text)],
  ["istitle", (text, args) => bind("istitle", args, []) && isTitle(text)],
  ["maketrans", (_, args) => makeTranslation(args)],
  ["translate", translate],
]);

function plain(label: string, change: (text: string) => string): StringMethod {
  return (text, args, budget) => {
    bind(label, args, []);
    budget.text(text.length * 3);
    return change(text);
  };
}

function stripping(label: string, change: (text: string, chars?: string) => string): StringMethod {
  return (text, args, budget) => {
    budget.text(text.length);
    return change(text, bind(label, args, ["chars?", "/"]).optionalText("chars", undefined));
  };
}

function casefold(text: string): string {
  // Full case folding differs from lower case for letters whose upper case is longer, and for sigma.
  return Array.from(text, (char) => {
    if (/^[\u13a0-\u13f5]$/.test(char)) return char;
    if (/^[\uab70-\uabbf]$/.test(char)) return String.fromCodePoint((char.codePointAt(0) as number) - 0xab70 + 0x13a0);
    if (/^[\u13f8-\u13fd]$/.test(char)) return String.fromCodePoint((char.codePointAt(0) as number) - 8);
    const upper = char.toUpperCase();
    return upper === char
      ? char.toLowerCase().replace("ς", "σ")
      : char === "ı"
        ? char
        : Array.from(upper, (part) => part.toLowerCase())
            .join("")
            .replaceAll("ς", "σ");
  }).join("");
}

function swapCase(text: string): string {
  return Array.from(text, (char) =>
    /^\p{Uppercase}$/u.test(char) ? char.toLowerCase() : /^\p{Lowercase}$/u.test(char) ? char.toUpperCase() : char,
  ).join("");
}

function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

function isTitle(text: string): boolean {
  let inWord = false;
  let any = false;
  for (const char of text) {
    const upper = /^[\p{Uppercase}\p{Lt}]$/u.test(char);
    if (upper === inWord && isCased(char)) return false;
    inWord = isCased(char);
    any ||= inWord;
  }
  return any;
}

function padding(label: string, before: (missing: number, width: number) => number): StringMethod {
  return (text, args, budget) => {
    const bound = bind(label, args, ["width", "fillchar?", "/"]);
    const fill = bound.text("fillchar", " ");
    if (pointLength(fill) !== 1) throw typeError("The fill character must be exactly one character long");
    const width = bound.int("width");
    const missing = width - pointLength(text);
    if (missing <= 0) return text;
    budget.text(text.length + missing * 2);
    const left = before(missing, width);
    return fill.repeat(left) + text + fill.repeat(missing - left);
  };
}

function zfill(text: string, args: Arguments, budget: Budget): Value {
  const missing = bind("zfill", args, ["width", "/"]).int("width") - pointLength(text);
  if (missing <= 0) return text;
  budget.text(text.length + missing);
  const sign = /^[+-]/.test(text) ? (text[0] as string) : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function expandTabs(text: string, args: Arguments, budget: Budget): Value {
  const size = bind("expandtabs", args, ["tabsize?"]).int("tabsize", 8);
  let result = "";
  let column = 0;
  for (const char of text) {
    if (char === "\t") {
      const spaces = size > 0 ? size - (column % size) : 0;
      budget.text(result.length + spaces, spaces);
      result += " ".repeat(spaces);
      column += spaces;
    } else {
      result += char;
      column = char === "\n" || char === "\r" ? 0 : column + 1;
    }
  }
  return result;
}

function replace(text: string, args: Arguments, budget: Budget): Value {
  const bound = bind("replace", args, ["old", "new", "count?", "/"]);
  return replaceText(text, bound.text("old"), bound.text("new"), bound.int("count", -1), budget);
}

/** `text.replace(old, new, count)`; a negative count replaces all. */
export function replaceText(text: string, old: string, by: string, limit: number, budget: Budget): string {
  budget.search(text, old);
  let left = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  const parts: string[] = [];
  let length = 0;
  const add = (part: string) => {
    length += part.length;
    budget.text(length, part.length);
    parts.push(part);
  };
  if (old === "") {
    const chars = points(text);
    for (const char of chars) {
      if (left > 0) add(by);
      left -= 1;
      add(char);
    }
    if (left > 0) add(by);
    return parts.join("");
  }
  let from = 0;
  for (let at = text.indexOf(old); at !== -1 && left > 0; at = text.indexOf(old, from)) {
    add(text.slice(from, at) + by);
    from = at + old.length;
    left -= 1;
  }
  add(text.slice(from));
  return parts.join("");
}

function join(text: string, args: Arguments, budget: Budget): Value {
  const items = toList(bind("join", args, ["iterable", "/"]).get("iterable") as Value, budget);
  const parts = items.map((item, index) => {
    const part = asText(item);
    if (part === undefined) throw typeError(`sequence item ${index}: expected str instance, ${typeName(item)} found`);
    return part;
  });
  return joinText(parts, text, budget);
}

export function joinText(parts: readonly string[], separator: string, budget: Budget): string {
  budget.text(
    parts.reduce((length, part) => length + part.length, 0) + separator.length * Math.max(0, parts.length - 1),
  );
  return parts.join(separator);
}

function remove(label: string, change: (text: string, part: string) => string): StringMethod {
  return (text, args) => change(text, bind(label, args, ["prefix", "/"]).text("prefix"));
}

function every(label: string, pattern: RegExp): StringMethod {
  return (text, args, budget) => {
    bind(label, args, []);
    budget.spend(text.length / 16);
    return text !== "" && Array.from(text).every((char) => pattern.test(char));
  };
}

function makeTranslation(args: Arguments): Value {
  const bound = bind("maketrans", args, ["x", "y?", "z?", "/"]);
  const x = bound.get("x") as Value;
  const code = (char: string) => BigInt(char.codePointAt(0) as number);
  if (bound.get("y") === undefined) {
    if (!(x instanceof Dict)) throw typeError("if you give only one argument to maketrans it must be a dict");
    return new Dict(
      Array.from(x.entries(), ([key, value]): [Value, Value] => {
        const text = asText(key);
        if (text === undefined) return [key, value];
        if (pointLength(text) !== 1) throw valueError("string keys in translate table must be of length 1");
        return [code(text), value];
      }),
    );
  }
  const from = points(bound.text("x"));
  const to = points(bound.text("y"));
  if (from.length !== to.length) throw valueError("the first two maketrans arguments must have equal length");
  const table = new Dict(from.map((char, index): [Value, Value] => [code(char), code(to[index] as string)]));
  for (const char of bound.text("z", "")) table.set(code(char), null);
  return table;
}

function translate(text: string, args: Arguments, budget: Budget): Value {
  const table = bind("translate", args, ["table", "/"]).get("table") as Value;
  if (!(table instanceof Dict)) throw typeError(`'${typeName(table)}' object is not subscriptable`);
  let result = "";
  for (const char of text) {
    const to = table.get(BigInt(char.codePointAt(0) as number));
    let next = char;
    if (to === null) next = "";
    else if (to !== undefined) {
      const int = asInt(to);
      const replacement = int === undefined ? asText(to) : String.fromCodePoint(Number(int));
      if (replacement === undefined)
        throw new TemplateError("TypeError", "character mapping must return integer, None or str");
      next = replacement;
    }
    budget.text(result.length + next.length, next.length);
    result += next;
  }
  return result;
}
