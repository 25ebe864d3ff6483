/** `value.name`, `value[key]` and `value[a:b:c]`, as Jinja's sandbox resolves them. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import {
  type Arguments,
  asInt,
  asText,
  Callable,
  Dict,
  DictView,
  Markup,
  Namespace,
  Range,
  Record,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "../values.js";
import { clampInt } from "./arguments.js";
import { containerMethod } from "./container-methods.js";
import { formatFields } from "./format.js";
import { markupMethod } from "./markup-methods.js";
import { floatRepr } from "./numbers.js";
import { STRING_METHODS } from "./string-methods.js";
import { pointLength, points } from "./text.js";

/** Attributes of every Python object. The sandbox hides them: neither they nor their attributes can be reached. */
const DUNDER =
  /^__(?:class|doc|init|new|repr|str|hash|eq|ne|lt|le|gt|ge|dir|format|getattribute|setattr|delattr|reduce|reduce_ex|sizeof|subclasshook|init_subclass|len|iter|contains|getitem|setitem|delitem|reversed|add|mul|rmul|mod|rmod|or|ror|ior|iadd|imul|getnewargs|class_getitem)__$/;

/** `value.name`: an attribute, or else an item. */
export function getAttribute(value: Value, name: string, budget: Budget): Value {
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  if (DUNDER.test(name)) return unsafe(value, name);
  const attribute = attributeOf(value, name, budget);
  if (attribute !== undefined) return name.startsWith("_") ? unsafe(value, name) : attribute;
  const item = value instanceof Dict ? value.get(name) : undefined;
  return item === undefined ? missing(value, name) : item;
}

/** `value[key]`: an item, or else an attribute. */
export function getItem(value: Value, key: Value, budget: Budget): Value {
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  const item = itemOf(value, key);
  if (item !== undefined) return item;
  const name = asText(key);
  if (name !== undefined) {
    if (DUNDER.test(name)) return unsafe(value, name);
    const attribute = attributeOf(value, name, budget);
    if (attribute !== undefined) return name.startsWith("_") ? unsafe(value, name) : attribute;
  }
  return missing(value, key);
}

/** Whether a value has an attribute of its own, which the filter `attr` reads. */
export function hasAttribute(value: Value, name: string, budget: Budget): boolean {
  return DUNDER.test(name) || attributeOf(value, name, budget) !== undefined;
}

function itemOf(value: Value, key: Value): Value | undefined {
  if (value instanceof Dict) return isHashable(key) ? value.get(key) : undefined;
  const index = asInt(key);
  if (index === undefined) return undefined;
  const text = asText(value);
  if (text !== undefined) {
    const char = at(points(text), index);
    return char === undefined ? undefined : like(value, char);
  }
  if (Array.isArray(value)) return at(value, index);
  if (value instanceof Tuple) return at(value.items, index);
  if (!(value instanceof Range)) return undefined;
  const place = index < 0n ? index + BigInt(value.length) : index;
  return place >= 0n && place < BigInt(value.length) ? value.at(Number(place)) : undefined;
}

function isHashable(key: Value): boolean {
  if (key instanceof Tuple) return key.items.every(isHashable);
  return !(Array.isArray(key) || key instanceof Dict || key instanceof DictView);
}

function at<T>(items: readonly T[], index: bigint): T | undefined {
  return items.at(clampInt(index));
}

/** Wraps a text, safe if the string that it was taken from is. */
function like(value: Value, text: string): Value {
  return value instanceof Markup ? new Markup(text) : text;
}

function missing(value: Value, key: Value): Undefined {
  const owner = value === null ? "None" : `${typeName(value)} object`;
  return new Undefined(
    typeof key === "string" ? `'${owner}' has no attribute '${key}'` : `${owner} has no element ${String(key)}`,
  );
}

function unsafe(value: Value, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`, "SecurityError");
}

function attributeOf(value: Value, name: string, budget: Budget): Value | undefined {
  if (typeof value === "string") {
    const method = STRING_METHODS.get(name);
    if (method !== undefined) return bound(name, (args) => method(value, args, budget));
    return name === "format" || name === "format_map" ? formatMethod(value, name, budget) : undefined;
  }
  if (value instanceof Markup) {
    if (name === "format" || name === "format_map") return formatMethod(value, name, budget);
    const method = markupMethod(value, name, budget);
    return method === undefined ? undefined : bound(name, method);
  }
  if (value instanceof Namespace) return value.attributes.get(name);
  if (value instanceof Record) return value.attribute(name);
  if (value instanceof Callable) return value.attributes.get(name);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return numberAttribute(value, name);
  if (value instanceof Tuple) {
    const field = value.fields.indexOf(name);
    if (field !== -1) return value.items[field];
  }
  const method = containerMethod(value, name, budget);
  if (method === "mutates") return unsafe(value, name);
  return method === undefined ? undefined : bound(name, method);
}

function bound(name: string, call: (args: Arguments) => Value): Callable {
  return new Callable(name, call);
}

function formatMethod(value: string | Markup, name: "format" | "format_map", budget: Budget): Callable {
  const safe = value instanceof Markup;
  const lookup = {
    attribute: (object: Value, key: string) => getAttribute(object, key, budget),
    item: (object: Value, key: Value) => getItem(object, key, budget),
  };
  return bound(name, (args) => {
    let fields = args;
    if (name === "format_map") {
      const [mapping] = args.positional;
      if (args.named.size > 0 || args.positional.length !== 1)
        throw typeError("format_map() takes exactly one argument");
      if (!(mapping instanceof Dict)) throw typeError("format_map() argument must be a mapping");
      const named = Array.from(mapping.entries(), ([key, item]): [string, Value] => [String(asText(key)), item]);
      fields = { positional: [], named: new Map(named) };
    }
    const text = formatFields(safe ? value.text : value, fields, safe, lookup, budget);
    return safe ? new Markup(text) : text;
  });
}

function numberAttribute(value: number | bigint | boolean, name: string): Value | undefined {
  const none = (call: () => Value) => bound(name, () => call());
  const number = typeof value === "boolean" ? BigInt(value) : value;
  if (name === "real") return number;
  if (name === "imag") return typeof number === "bigint" ? 0n : 0;
  if (name === "conjugate") return none(() => number);
  if (typeof number === "number") {
    if (name === "is_integer") return none(() => Number.isInteger(number));
    if (name === "hex")
      return none(() => {
        throw typeError(`float.hex of ${floatRepr(number)} is not supported in templates`);
      });
    return undefined;
  }
  const size = number < 0n ? -number : number;
  if (name === "numerator") return number;
  if (name === "denominator") return 1n;
  if (name === "bit_length") return none(() => BigInt(size === 0n ? 0 : size.toString(2).length));
  if (name === "bit_count") return none(() => BigInt(size.toString(2).replaceAll("0", "").length));
  if (name === "as_integer_ratio") return none(() => new Tuple([number, 1n]));
  return undefined;
}

/** `value[start:stop:step]`. */
export function slice(value: Value, start: Value, stop: Value, step: Value, budget: Budget): Value {
  if (value instanceof Undefined) throw new TemplateError(value.kind, value.message);
  const text = asText(value);
  const length =
    text !== undefined
      ? pointLength(text)
      : Array.isArray(value) || value instanceof Range
        ? value.length
        : value instanceof Tuple
          ? value.items.length
          : undefined;
  if (length === undefined)
    throw typeError(
      value instanceof Dict ? "unhashable type: 'slice'" : `'${typeName(value)}' object is not subscriptable`,
    );
  const by = edge(step) ?? 1;
  if (by === 0) throw valueError("slice step cannot be zero");
  const first = clamp(edge(start), by > 0 ? 0 : length - 1);
  const last = clamp(edge(stop), by > 0 ? length : -1);
  const count = Math.max(0, Math.ceil((last - first) / by));
  budget.spend(1 + count / (text === undefined ? 1 : 32));
  if (value instanceof Range) {
    const from = value.at(first);
    const stride = value.step * BigInt(by);
    return new Range(from, value.at(last), stride);
  }
  if (text !== undefined) {
    if (by === 1)
      return like(
        value,
        length === text.length
          ? text.slice(first, first + count)
          : points(text)
              .slice(first, first + count)
              .join(""),
      );
    return like(value, pick(points(text), first, by, count).join(""));
  }
  if (Array.isArray(value)) return by === 1 ? value.slice(first, first + count) : pick(value, first, by, count);
  return new Tuple(pick((value as Tuple).items, first, by, count));

  function edge(bound: Value): number | undefined {
    if (bound === null) return undefined;
    const int = asInt(bound);
    if (int === undefined) throw typeError("slice indices must be integers or None or have an __index__ method");
    return clampInt(int);
  }

  function clamp(bound: number | undefined, absent: number): number {
    if (bound === undefined) return absent;
    const size = length as number;
    const place = bound < 0 ? bound + size : bound;
    return by > 0 ? Math.min(Math.max(place, 0), size) : Math.min(Math.max(place, -1), size - 1);
  }
}

function pick<T>(items: readonly T[], first: number, step: number, count: number): T[] {
  return Array.from({ length: count }, (_, index) => items[first + index * step] as T);
}
