/** The caller's messages, tools and variables as values of a template. They are copied: a template never sees an object of the caller's. */

import { PythonFloat } from "../python-json.js";
import { BudgetError, typeError } from "./template-error.js";
import { Dict, type Value } from "./values.js";

/** Deepest nesting of lists and dicts. */
const MAX_DEPTH = 500;

/** @param where Name of the variable, for errors */
export function fromJs(value: unknown, where: string, depth = 0): Value {
  if (depth > MAX_DEPTH) throw new BudgetError(`${where} nests more than ${MAX_DEPTH} levels deep, or holds itself`);
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
  // JavaScript has one type of number: what is whole is an int.
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof PythonFloat) return value.value;
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => fromJs(item, where, depth + 1));
  if (value instanceof Map) {
    return new Dict(
      Array.from(
        value,
        ([key, item]: [unknown, unknown]) => [fromJs(key, where, depth + 1), fromJs(item, where, depth + 1)] as const,
      ),
    );
  }
  if (typeof value !== "object")
    throw typeError(`${where}: a ${typeof value} is no value that a template can read; give JSON`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
    throw typeError(
      `${where}: an object of a class is no value that a template can read; give plain objects, arrays, strings and numbers`,
    );
  }
  // A key that is undefined is one that is not there, as in JSON.
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return new Dict(entries.map(([key, item]) => [key, fromJs(item, where, depth + 1)] as const));
}

/** Size of what a template is given: values, plus characters / 16. Stops counting where it is beyond all measure. */
export function sizeOfInput(value: unknown): number {
  let size = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && size < 1e7) {
    const item = open.pop();
    size += 1;
    if (typeof item === "string") size += item.length / 16;
    else if (Array.isArray(item)) for (const member of item) open.push(member);
    else if (item instanceof Map) open.push(...item.keys(), ...item.values());
    else if (typeof item === "object" && item !== null) for (const member of Object.values(item)) open.push(member);
  }
  return size;
}
