/** Methods of Python's `str` that search a part of a string. */

import type { Budget } from "../budget.js";
import { typeError, valueError } from "../template-error.js";
import { type Arguments, asInt, asText, Tuple, typeName, type Value } from "../values.js";
import { bind } from "./arguments.js";
import type { StringMethod } from "./string-method.js";
import { pointIndex, pointLength, pointSlice } from "./text.js";

/** Returns start and end of the searched part of a text, in code points. */
function bounds(text: string, start: Value | undefined, end: Value | undefined): { from: number; to: number } {
  const length = pointLength(text);
  const bound = (value: Value | undefined, absent: number) => {
    if (value === undefined || value === null) return absent;
    const int = asInt(value);
    if (int === undefined) throw typeError("slice indices must be integers or None or have an __index__ method");
    return Number(int < 0n ? (int + BigInt(length) < 0n ? 0n : int + BigInt(length)) : int);
  };
  return { from: bound(start, 0), to: Math.min(length, bound(end, length)) };
}

export function search(
  label: "find" | "rfind" | "index" | "rindex",
  text: string,
  args: Arguments,
  budget: Budget,
): bigint {
  const bound = bind(label, args, ["sub", "start?", "end?", "/"]);
  const sub = bound.text("sub");
  const { from, to } = bounds(text, bound.get("start"), bound.get("end"));
  if (from > to) return -1n;
  budget.search(text, sub);
  const part = pointSlice(text, from, to);
  const at = label.startsWith("r") ? part.lastIndexOf(sub) : part.indexOf(sub);
  return at === -1 ? -1n : BigInt(from + pointIndex(part, at));
}

export function found(index: Value): Value {
  if (index === -1n) throw valueError("substring not found");
  return index;
}

export function count(text: string, args: Arguments, budget: Budget): Value {
  const bound = bind("count", args, ["sub", "start?", "end?", "/"]);
  const sub = bound.text("sub");
  const { from, to } = bounds(text, bound.get("start"), bound.get("end"));
  if (from > to) return 0n;
  const part = pointSlice(text, from, to);
  if (sub === "") return BigInt(pointLength(part) + 1);
  budget.search(text, sub);
  let times = 0n;
  for (let at = part.indexOf(sub); at !== -1; at = part.indexOf(sub, at + sub.length)) times += 1n;
  return times;
}

export function affix(label: string, has: (text: string, part: string) => boolean): StringMethod {
  return (text, args, budget) => {
    const bound = bind(label, args, ["prefix", "start?", "end?", "/"]);
    const given = bound.get("prefix") as Value;
    const { from, to } = bounds(text, bound.get("start"), bound.get("end"));
    budget.spend(1 + text.length / 64);
    const parts = given instanceof Tuple ? given.items : [given];
    return parts.some((item) => {
      const part = asText(item);
      if (part === undefined)
        throw typeError(`${label} first arg must be str or a tuple of str, not ${typeName(item)}`);
      return from <= to && has(pointSlice(text, from, to), part);
    });
  };
}
