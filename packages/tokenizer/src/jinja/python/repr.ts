/** Python's `str` and `repr`. */

import type { Budget } from "../budget.js";
import {
  Callable,
  Dict,
  DictView,
  Markup,
  Namespace,
  OneShot,
  Range,
  Record,
  Tuple,
  Undefined,
  type Value,
} from "../values.js";
import { floatRepr, intRepr } from "./numbers.js";

/** `str(value)`: the output of `{{ value }}`. */
export function str(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return "";
  return repr(value, budget);
}

/** `repr(value)`: the form of a value inside a printed list or dict. */
export function repr(value: Value, budget: Budget): string {
  budget.spend();
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return intRepr(value);
  if (typeof value === "number") return floatRepr(value);
  if (typeof value === "string") return quote(value, budget);
  budget.enter();
  const text = reprObject(value, budget);
  budget.leave();
  return text;
}

function reprObject(value: Exclude<Value, null | boolean | bigint | number | string>, budget: Budget): string {
  const list = (items: readonly Value[]) =>
    join(
      items.map((item) => repr(item, budget)),
      budget,
    );
  const dict = (entries: Dict) =>
    `{${join(
      Array.from(entries.entries(), ([key, item]) => `${repr(key, budget)}: ${repr(item, budget)}`),
      budget,
    )}}`;
  if (Array.isArray(value)) return `[${list(value)}]`;
  if (value instanceof Tuple) return value.items.length === 1 ? `(${list(value.items)},)` : `(${list(value.items)})`;
  if (value instanceof Dict) return dict(value);
  if (value instanceof DictView) return `${value.typeName}([${list(value.items())}])`;
  if (value instanceof Markup) return `Markup(${quote(value.text, budget)})`;
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Range) {
    const step = value.step === 1n ? "" : `, ${value.step}`;
    return `range(${value.start}, ${value.stop}${step})`;
  }
  if (value instanceof Namespace) return `<Namespace ${dict(value.attributes)}>`;
  if (value instanceof Record) return value.repr();
  // Python prints an address here, which differs in each run.
  if (value instanceof OneShot) return `<${value.typeName} object>`;
  if (value instanceof Callable)
    return value.typeName === "Macro" ? `<Macro ${quote(value.label, budget)}>` : `<${value.typeName} ${value.label}>`;
  return `<${value.typeName}>`;
}

function join(parts: readonly string[], budget: Budget): string {
  let length = 0;
  for (const part of parts) length += part.length + 2;
  budget.text(length);
  return parts.join(", ");
}

const ESCAPES = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** `repr` of a string: in single quotes, unless it contains those and no double quotes. */
export function quote(text: string, budget: Budget): string {
  budget.text(text.length * 2);
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\\p{C}\p{Z}'"]/gu, (char) => {
    if (char === " ") return char;
    if (char === '"' || char === "'") return char === mark ? `\\${char}` : char;
    return ESCAPES.get(char) ?? escapePoint(char);
  });
  return mark + body + mark;
}

/** `ascii(value)`: `repr` with everything beyond ASCII escaped. */
export function ascii(value: Value, budget: Budget): string {
  return repr(value, budget).replace(/[\u0080-\u{10ffff}]/gu, escapePoint);
}

function escapePoint(char: string): string {
  const code = char.codePointAt(0) as number;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}
