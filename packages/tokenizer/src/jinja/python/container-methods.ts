/** Methods of lists, tuples, dicts and ranges. The immutable sandbox hides those that would change a value. */

import type { Budget } from "../budget.js";
import { TemplateError, valueError } from "../template-error.js";
import { type Arguments, Dict, DictView, OneShot, orElse, Range, Tuple, type Value } from "../values.js";
import { bind, takesNone } from "./arguments.js";
import { contains, equals, iterate, toList } from "./compare.js";

const LIST_CHANGES = new Set(["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"]);
const DICT_CHANGES = new Set(["clear", "pop", "popitem", "setdefault", "update"]);

type Method = (args: Arguments) => Value;

/** Returns a method by its name, "mutates" for one that would change the value, `undefined` if there is none. */
export function containerMethod(value: Value, name: string, budget: Budget): Method | "mutates" | undefined {
  if (value instanceof Dict) return DICT_CHANGES.has(name) ? "mutates" : dictMethod(value, name, budget);
  if (value instanceof DictView) {
    if (name === "isdisjoint" && value.kind !== "values") {
      return (args) => {
        const others = toList(bind(name, args, ["other", "/"]).get("other") as Value, budget);
        return !value.items().some((item) => contains(others, item, budget));
      };
    }
    return undefined;
  }
  if (Array.isArray(value)) {
    if (LIST_CHANGES.has(name)) return "mutates";
    if (name === "copy")
      return (args) =>
        takesNone(name, args, () => {
          budget.spend(value.length);
          return [...value];
        });
    return sequenceMethod(value, name, budget);
  }
  if (value instanceof Tuple) return sequenceMethod(value.items, name, budget);
  if (value instanceof Range) {
    if (name === "start" || name === "stop" || name === "step") return undefined;
    return name === "index" || name === "count" ? sequenceMethod(toList(value, budget), name, budget) : undefined;
  }
  if (value instanceof OneShot && name === "send") return undefined;
  return undefined;
}

function sequenceMethod(items: readonly Value[], name: string, budget: Budget): Method | undefined {
  if (name === "count") {
    return (args) => {
      const value = bind(name, args, ["value", "/"]).get("value") as Value;
      return BigInt(items.filter((item) => item === value || equals(item, value, budget)).length);
    };
  }
  if (name !== "index") return undefined;
  return (args) => {
    const bound = bind(name, args, ["value", "start?", "stop?", "/"]);
    const value = bound.get("value") as Value;
    const edge = (place: number) => Math.max(0, place < 0 ? place + items.length : place);
    const stop = Math.min(items.length, edge(bound.int("stop", items.length)));
    for (let index = edge(bound.int("start", 0)); index < stop; index++) {
      const item = items[index] as Value;
      if (item === value || equals(item, value, budget)) return BigInt(index);
    }
    throw valueError("the value is not in the list");
  };
}

function dictMethod(dict: Dict, name: string, budget: Budget): Method | undefined {
  switch (name) {
    case "keys":
    case "values":
    case "items":
      return (args) => takesNone(name, args, () => new DictView(dict, name));
    case "get":
      return (args) => {
        const bound = bind(name, args, ["key", "default?", "/"]);
        return orElse(dict.get(bound.get("key") as Value), bound.get("default", null));
      };
    case "copy":
      return (args) =>
        takesNone(name, args, () => {
          budget.spend(dict.size);
          return new Dict(dict.entries());
        });
    case "fromkeys":
      return (args) => {
        const bound = bind(name, args, ["iterable", "value?", "/"]);
        const value = bound.get("value", null);
        return new Dict(toList(bound.get("iterable") as Value, budget).map((key): [Value, Value] => [key, value]));
      };
    default:
      return undefined;
  }
}

/** `dict(...)`: from a dict, or from pairs; then from named arguments. */
export function makeDict({ positional, named }: Arguments, budget: Budget): Dict {
  const [from] = positional;
  if (positional.length > 1)
    throw new TemplateError("TypeError", `dict expected at most 1 argument, got ${positional.length}`);
  const dict = new Dict();
  if (from instanceof Dict) for (const [key, value] of from.entries()) dict.set(key, value);
  else if (from !== undefined) {
    for (const pair of iterate(from, budget)) {
      const items = toList(pair, budget);
      if (items.length !== 2)
        throw valueError(`dictionary update sequence element has length ${items.length}; 2 is required`);
      dict.set(items[0] as Value, items[1] as Value);
    }
  }
  budget.spend(dict.size + named.size);
  for (const [key, value] of named) dict.set(key, value);
  return dict;
}
