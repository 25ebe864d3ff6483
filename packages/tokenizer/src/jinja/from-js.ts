/**
 * Converts the caller's messages, tools and variables to values of a template. They are copied: a template never sees a
 * JavaScript object.
 */

import { PythonFloat } from "../python-json.js";
import { BudgetError, typeError } from "./template-error.js";
import { Dict, type Value } from "./values.js";

/** Maximum nesting of lists and dicts, and maximum number of values. */
const MAX_DEPTH = 500;
const MAX_SIZE = 5_000_000;

/** Converts the caller's values, and counts them. */
export class InputReader {
  /** Values so far, plus characters / 16. */
  size = 0;

  /** @param where Name of the variable, for errors */
  read(value: unknown, where: string, depth = 0): Value {
    this.size += typeof value === "string" ? 1 + value.length / 16 : 1;
    if (this.size > MAX_SIZE) throw new BudgetError(`${where} holds more than ${MAX_SIZE} values`);
    if (depth > MAX_DEPTH) throw new BudgetError(`${where} nests more than ${MAX_DEPTH} levels deep, or holds itself`);
    if (value === null || value === undefined) return null;
    if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint") return value;
    // JavaScript has one number type: whole numbers are ints.
    if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
    if (value instanceof PythonFloat) return value.value;
    const inner = (item: unknown) => this.read(item, where, depth + 1);
    if (Array.isArray(value)) return Array.from(value, inner);
    if (value instanceof Map) return new Dict(Array.from(value, ([key, item]) => [inner(key), inner(item)] as const));
    if (typeof value !== "object") throw typeError(`${where}: a template cannot read a ${typeof value}; pass JSON`);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
      throw typeError(`${where}: a template cannot read an instance of a class; pass plain objects`);
    }
    // An undefined key counts as missing, as in JSON.
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return new Dict(entries.map(([key, item]) => [key, inner(item)] as const));
  }
}
