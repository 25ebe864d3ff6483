/** Python's `json.dumps`, as used by `tojson` in chat templates: HTML is not escaped. */

import type { Budget } from "../budget.js";
import { typeError, valueError } from "../template-error.js";
import { asInt, asText, Dict, Tuple, typeName, type Value } from "../values.js";
import { sorted } from "./compare.js";
import { floatRepr, intRepr } from "./numbers.js";

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** Indentation of one level; `undefined` writes everything on one line. */
  readonly indent: string | undefined;
  readonly separators: readonly [string, string];
  readonly sortKeys: boolean;
}

const SHORT = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\f", "\\f"],
  ["\b", "\\b"],
]);

export function toJson(value: Value, options: JsonOptions, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  write(value, "");
  return parts.join("");

  function add(text: string): void {
    length += text.length;
    budget.text(length, text.length);
    parts.push(text);
  }

  function write(item: Value, margin: string): void {
    budget.spend();
    const text = asText(item);
    if (text !== undefined) add(quoteJson(text, options.ensureAscii));
    else if (Array.isArray(item)) block("[", "]", item, margin, write);
    else if (item instanceof Tuple) block("[", "]", item.items, margin, write);
    else if (item instanceof Dict) {
      let entries: Value[] = Array.from(item.entries(), (entry) => new Tuple(entry));
      if (options.sortKeys) entries = sorted(entries, (entry) => (entry as Tuple).items[0] as Value, false, budget);
      block("{", "}", entries, margin, (entry, inner) => {
        const [key, member] = (entry as Tuple).items as [Value, Value];
        add(quoteJson(asText(key) ?? keyText(key), options.ensureAscii) + options.separators[1]);
        write(member, inner);
      });
    } else {
      const scalar = scalarText(item);
      if (scalar === undefined) throw typeError(`Object of type ${typeName(item)} is not JSON serializable`);
      add(scalar);
    }
  }

  function block(
    open: string,
    close: string,
    items: readonly Value[],
    margin: string,
    each: (item: Value, margin: string) => void,
  ): void {
    if (items.length === 0) {
      add(open + close);
      return;
    }
    budget.enter();
    const inner = options.indent === undefined ? "" : margin + options.indent;
    const newline = options.indent === undefined ? "" : `\n${inner}`;
    add(open + newline);
    items.forEach((item, index) => {
      if (index > 0) add(options.separators[0] + newline);
      each(item, inner);
    });
    add(options.indent === undefined ? close : `\n${margin}${close}`);
    budget.leave();
  }
}

function keyText(key: Value): string {
  const text = scalarText(key);
  if (text === undefined) throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  return text;
}

function scalarText(value: Value): string | undefined {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "bigint") return intRepr(value);
  if (typeof value !== "number") return undefined;
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? floatRepr(value) : value < 0 ? "-Infinity" : "Infinity";
}

function quoteJson(text: string, ensureAscii: boolean): string {
  const unsafe = ensureAscii ? /["\\]|[^ -~]/g : /["\\]|[^ -\uffff]/g;
  return `"${text.replace(unsafe, (char) => SHORT.get(char) ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}

/** Reads the indentation for `json.dumps`: a number of spaces, a text, or none. */
export function readIndent(value: Value | undefined, budget: Budget): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = asText(value);
  if (text !== undefined) return text;
  const width = asInt(value);
  if (width === undefined) throw typeError(`can't multiply sequence by non-int of type '${typeName(value)}'`);
  budget.text(Number(width > 0n ? width : 0n));
  return " ".repeat(Number(width > 0n ? width : 0n));
}

/** Reads the separators for `json.dumps`: a pair of texts. */
export function readSeparators(value: Value | undefined, indent: string | undefined): readonly [string, string] {
  if (value === undefined || value === null) return [indent === undefined ? ", " : ",", ": "];
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : [];
  const [item, key] = items.map(asText);
  if (items.length !== 2 || item === undefined || key === undefined)
    throw valueError("separators must be a pair of strings");
  return [item, key];
}
