/** Tests: the names after `is`. */

import { FILTERS } from "./filters/index.js";
import { bind, takesNone } from "./python/arguments.js";
import { compare, contains, equals, isIterable, sizeOf } from "./python/compare.js";
import { asNumber } from "./python/numbers.js";
import { binary } from "./python/operators.js";
import { str } from "./python/repr.js";
import { STRING_METHODS } from "./python/string-methods.js";
import type { Filter, Runtime } from "./runtime.js";
import { asText, Callable, Dict, DictView, Markup, Record, Undefined, type Value } from "./values.js";

/** All tests of Jinja2 3.1. */
export const TESTS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["boolean", simple((value) => typeof value === "boolean")],
  [
    "callable",
    simple(
      (value) =>
        value instanceof Callable ||
        value instanceof Undefined ||
        (value instanceof Record && value.call !== undefined),
    ),
  ],
  ["defined", simple((value) => !(value instanceof Undefined))],
  ["divisibleby", two("num", (value, other, { budget }) => equals(binary("%", value, other, budget), 0n, budget))],
  ["escaped", simple((value) => value instanceof Markup)],
  ["even", simple((value, { budget }) => equals(binary("%", value, 2n, budget), 0n, budget))],
  ["false", simple((value) => value === false)],
  ["filter", simple((value) => isKey(FILTERS, value))],
  ["float", simple((value) => typeof value === "number")],
  ["in", two("seq", (value, seq, { budget }) => contains(seq, value, budget))],
  ["integer", simple((value) => typeof value === "bigint")],
  ["iterable", simple(isIterable)],
  ["lower", simple((value, { budget }) => isCase("islower", value, budget))],
  ["mapping", simple((value) => value instanceof Dict)],
  ["none", simple((value) => value === null)],
  ["number", simple((value) => asNumber(value) !== undefined)],
  ["odd", simple((value, { budget }) => equals(binary("%", value, 2n, budget), 1n, budget))],
  ["sameas", two("other", (value, other) => value === other)],
  [
    "sequence",
    simple((value) => sizeOf(value) !== undefined && !(value instanceof DictView || value instanceof Record)),
  ],
  ["string", simple((value) => asText(value) !== undefined)],
  ["test", simple((value) => isKey(TESTS, value))],
  ["true", simple((value) => value === true)],
  ["undefined", simple((value) => value instanceof Undefined)],
  ["upper", simple((value, { budget }) => isCase("isupper", value, budget))],
  ...["==", "eq", "equalto"].map((name): [string, Filter] => [
    name,
    two("b", (a, b, { budget }) => equals(a, b, budget)),
  ]),
  ...["!=", "ne"].map((name): [string, Filter] => [name, two("b", (a, b, { budget }) => !equals(a, b, budget))]),
  ...[">", "gt", "greaterthan"].map((name): [string, Filter] => [name, order(">", (result) => result > 0)]),
  ...[">=", "ge"].map((name): [string, Filter] => [name, order(">=", (result) => result >= 0)]),
  ...["<", "lt", "lessthan"].map((name): [string, Filter] => [name, order("<", (result) => result < 0)]),
  ...["<=", "le"].map((name): [string, Filter] => [name, order("<=", (result) => result <= 0)]),
]);

/** Whether a filter, or a test, of this name exists. Lists and dicts are not hashable, so they cannot be looked up. */
function isKey(known: ReadonlyMap<string, Filter>, value: Value): boolean {
  new Dict().has(value);
  return known.has(asText(value) ?? "");
}

function simple(test: (value: Value, runtime: Runtime) => boolean): Filter {
  return (value, args, runtime) => takesNone("test", args, () => test(value, runtime));
}

function two(parameter: string, test: (value: Value, other: Value, runtime: Runtime) => boolean): Filter {
  return (value, args, runtime) => test(value, bind("test", args, [parameter]).get(parameter) as Value, runtime);
}

function order(operator: string, holds: (result: number) => boolean): Filter {
  return two("b", (a, b, { budget }) => holds(compare(a, b, operator, budget)));
}

function isCase(method: string, value: Value, budget: Runtime["budget"]): boolean {
  return STRING_METHODS.get(method)?.(str(value, budget), { positional: [], named: new Map() }, budget) === true;
}
