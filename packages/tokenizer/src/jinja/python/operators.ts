/** Operators of expressions, by the types of their operands. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError } from "../template-error.js";
import { asInt, Markup, Tuple, typeName, Undefined, type Value } from "../values.js";
import { clampInt } from "./arguments.js";
import { printf } from "./format.js";
import { escapeHtml } from "./markup.js";
import { type Arithmetic, arithmetic, asNumber } from "./numbers.js";

export function binary(operator: Arithmetic, a: Value, b: Value, budget: Budget): Value {
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== undefined && y !== undefined) return arithmetic(operator, x, y, budget);
  if (operator === "%" && typeof a === "string") return printf(a, b, false, budget);
  if (operator === "%" && a instanceof Markup) return new Markup(printf(a.text, b, true, budget));
  for (const value of [a, b]) if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  const result =
    operator === "+"
      ? add(a, b, budget)
      : operator === "*"
        ? (repeat(a, b, budget) ?? repeat(b, a, budget))
        : undefined;
  if (result !== undefined) return result;
  throw typeError(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function add(a: Value, b: Value, budget: Budget): Value | undefined {
  if (typeof a === "string" && typeof b === "string") {
    budget.text(a.length + b.length);
    return a + b;
  }
  if (
    (a instanceof Markup && (typeof b === "string" || b instanceof Markup)) ||
    (typeof a === "string" && b instanceof Markup)
  ) {
    const left = escapeHtml(a, budget).text;
    const right = escapeHtml(b, budget).text;
    budget.text(left.length + right.length);
    return new Markup(left + right);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    budget.spend(a.length + b.length);
    return [...a, ...b];
  }
  if (a instanceof Tuple && b instanceof Tuple) {
    budget.spend(a.items.length + b.items.length);
    return new Tuple([...a.items, ...b.items]);
  }
  return undefined;
}

function repeat(a: Value, b: Value, budget: Budget): Value | undefined {
  const int = asInt(b);
  if (int === undefined) return undefined;
  const times = Math.max(0, clampInt(int));
  if (typeof a === "string" || a instanceof Markup) {
    const text = typeof a === "string" ? a : a.text;
    budget.text(text.length * times);
    const repeated = text.length === 0 ? "" : text.repeat(times);
    return typeof a === "string" ? repeated : new Markup(repeated);
  }
  const items = Array.isArray(a) ? a : a instanceof Tuple ? a.items : undefined;
  if (items === undefined) return undefined;
  budget.spend(items.length * times);
  const repeated = items.length === 0 ? [] : Array.from({ length: times }, () => items).flat();
  return Array.isArray(a) ? repeated : new Tuple(repeated);
}

export function negate(value: Value): Value {
  const number = asNumber(value);
  if (number !== undefined) return -number;
  throw badUnary("-", value);
}

export function positive(value: Value): Value {
  const number = asNumber(value);
  if (number !== undefined) return number;
  throw badUnary("+", value);
}

function badUnary(operator: string, value: Value): TemplateError {
  if (value instanceof Undefined) return new TemplateError(value.kind, value.message);
  return typeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
}
