/** Python's equality, order, truth, membership and length. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError } from "../template-error.js";
import {
  asInt,
  asText,
  Dict,
  DictView,
  Markup,
  Namespace,
  OneShot,
  PyObject,
  Range,
  Record,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "../values.js";
import { asNumber } from "./numbers.js";
import { compareText, pointLength } from "./text.js";

/** `bool(value)`. */
export function truth(value: Value): boolean {
  if (typeof value === "object") {
    if (value === null || value instanceof Undefined) return false;
    const size = sizeOf(value);
    return size === undefined || size > 0;
  }
  return Boolean(value) || Number.isNaN(value);
}

/** `len(value)`; `undefined` for values without a length. */
export function sizeOf(value: Value): number | undefined {
  const text = asText(value);
  if (text !== undefined) return pointLength(text);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) return 0;
  if (value instanceof Record) {
    const length = value.typeName === "LoopContext" ? value.attribute("length") : undefined;
    return length === undefined ? undefined : Number(length);
  }
  return undefined;
}

/** `a == b`. */
export function equals(a: Value, b: Value, budget: Budget): boolean {
  budget.spend();
  if (a === b) return !Number.isNaN(a);
  const x = asNumber(a);
  if (x !== undefined) {
    const y = asNumber(b);
    return y !== undefined && equalNumbers(x, y);
  }
  const text = asText(a);
  if (text !== undefined) {
    const other = asText(b);
    if (other !== undefined) budget.spend(text.length / 64);
    return text === other;
  }
  if (!(a instanceof PyObject || Array.isArray(a)) || !(b instanceof PyObject || Array.isArray(b))) return false;
  if (a instanceof Undefined) return b instanceof Undefined;
  budget.enter();
  const result = equalContainers(a, b, budget);
  budget.leave();
  return result;
}

/** Compares exact values, even of an integer with a float. */
function equalNumbers(x: bigint | number, y: bigint | number): boolean {
  return x <= y && x >= y;
}

function equalContainers(a: PyObject | Value[], b: PyObject | Value[], budget: Budget): boolean {
  const x = sequence(a);
  const y = sequence(b);
  if (x !== undefined && y !== undefined && Array.isArray(a) === Array.isArray(b)) {
    return x.length === y.length && x.every((item, index) => same(item, y[index] as Value, budget));
  }
  if (a instanceof Dict && b instanceof Dict) {
    if (a.size !== b.size) return false;
    for (const [key, value] of a.entries()) {
      const other = b.get(key);
      if (other === undefined || !same(value, other, budget)) return false;
    }
    return true;
  }
  if (a instanceof DictView && b instanceof DictView && a.kind !== "values" && b.kind !== "values") {
    const others = b.items();
    return a.dict.size === b.dict.size && a.items().every((item) => holds(others, item, budget));
  }
  if (a instanceof Range && b instanceof Range) {
    return a.length === b.length && (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)));
  }
  return false;
}

/** Containers compare items by identity or equality. */
function same(a: Value, b: Value, budget: Budget): boolean {
  return (a === b && typeof a === "object") || equals(a, b, budget);
}

function holds(items: Iterable<Value>, value: Value, budget: Budget): boolean {
  for (const item of items) if (same(item, value, budget)) return true;
  return false;
}

function sequence(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** Orders two values: negative, 0 or positive; NaN if both are numbers and one of them is NaN. */
export function compare(a: Value, b: Value, operator: string, budget: Budget): number {
  budget.spend();
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : equalNumbers(x, y) ? 0 : Number.NaN;
  const text = asText(a);
  const other = asText(b);
  if (text !== undefined && other !== undefined) {
    budget.spend(Math.min(text.length, other.length) / 64);
    return compareText(text, other);
  }
  const items = sequence(a);
  const others = sequence(b);
  if (items !== undefined && others !== undefined && Array.isArray(a) === Array.isArray(b)) {
    budget.enter();
    let order = items.length - others.length;
    for (let index = 0; index < Math.min(items.length, others.length); index++) {
      const left = items[index] as Value;
      const right = others[index] as Value;
      if (same(left, right, budget)) continue;
      order = compare(left, right, operator, budget);
      break;
    }
    budget.leave();
    return order;
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  throw typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

export function isLess(a: Value, b: Value, budget: Budget): boolean {
  return compare(a, b, "<", budget) < 0;
}

/** `value in container`. */
export function contains(container: Value, value: Value, budget: Budget): boolean {
  const text = asText(container);
  if (text !== undefined) {
    const needle = asText(value);
    if (needle === undefined) throw typeError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
    budget.search(text, needle);
    return text.includes(needle);
  }
  if (container instanceof Dict) return container.has(value);
  if (container instanceof DictView && container.kind === "keys") return container.dict.has(value);
  if (container instanceof Range) {
    const number = typeof value === "number" && Number.isInteger(value) ? BigInt(value) : asInt(value);
    if (number === undefined || container.length === 0) return false;
    const offset = number - container.start;
    const index = offset / container.step;
    return offset % container.step === 0n && index >= 0n && index < BigInt(container.length);
  }
  return holds(iterate(container, budget), value, budget);
}

/** Yields the items of a value; one step of the budget for each. */
export function* iterate(value: Value, budget: Budget): Generator<Value, void> {
  for (const item of source(value)) {
    budget.spend();
    yield item;
  }
}

function source(value: Value): Iterable<Value> {
  if (Array.isArray(value) || typeof value === "string" || value instanceof Range) return value;
  // As in Python, the characters of a safe string are plain ones.
  if (value instanceof Markup) return value.text;
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof DictView) return value.items();
  if (value instanceof OneShot) return { [Symbol.iterator]: () => ({ next: () => value.iterator.next() }) };
  if (value instanceof Undefined) return [];
  throw typeError(`'${typeName(value)}' object is not iterable`);
}

/** Whether `iter(value)` works. */
export function isIterable(value: Value): boolean {
  if (value instanceof Namespace || value instanceof Record) return value.typeName === "LoopContext";
  return sizeOf(value) !== undefined || value instanceof OneShot;
}

/** Returns a list of a value's items. */
export function toList(value: Value, budget: Budget): Value[] {
  return Array.from(iterate(value, budget));
}

/** Python's `sorted`: stable; `reverse` keeps the order of equal items. */
export function sorted(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: boolean,
  budget: Budget,
): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => {
    if (reverse) return isLess(a.key, b.key, budget) ? 1 : isLess(b.key, a.key, budget) ? -1 : 0;
    return isLess(a.key, b.key, budget) ? -1 : isLess(b.key, a.key, budget) ? 1 : 0;
  });
  return keyed.map(({ item }) => item);
}
