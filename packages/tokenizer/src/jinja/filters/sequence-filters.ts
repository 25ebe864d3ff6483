/** Filters of sequences and mappings. */

import { bind, takesNone } from "../python/arguments.js";
import { equals, isIterable, isLess, iterate, sizeOf, sorted, toList, truth } from "../python/compare.js";
import { escapeHtml } from "../python/markup.js";
import { binary } from "../python/operators.js";
import { str } from "../python/repr.js";
import { joinText } from "../python/string-methods.js";
import { points } from "../python/text.js";
import type { Filter, Runtime } from "../runtime.js";
import { TemplateError, typeError } from "../template-error.js";
import {
  type Arguments,
  asText,
  Dict,
  DictView,
  Markup,
  OneShot,
  orElse,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "../values.js";
import { attributeGetter, attributesGetter } from "./attribute-getter.js";

export const SEQUENCE_FILTERS: readonly (readonly [string, Filter])[] = [
  ["batch", batch],
  ["count", length],
  ["dictsort", dictSort],
  ["first", first],
  ["groupby", groupBy],
  ["items", items],
  ["join", join],
  ["last", last],
  ["length", length],
  ["list", (value, args, { budget }) => takesNone("list", args, () => toList(value, budget))],
  ["map", map],
  ["max", (value, args, runtime) => extreme("max", value, args, runtime)],
  ["min", (value, args, runtime) => extreme("min", value, args, runtime)],
  ["random", random],
  ["reject", (value, args, runtime) => choose(value, args, runtime, false, false)],
  ["rejectattr", (value, args, runtime) => choose(value, args, runtime, false, true)],
  ["reverse", reverse],
  ["select", (value, args, runtime) => choose(value, args, runtime, true, false)],
  ["selectattr", (value, args, runtime) => choose(value, args, runtime, true, true)],
  ["slice", slices],
  ["sort", sort],
  ["sum", sum],
  ["unique", unique],
];

function argumentError(message: string): TemplateError {
  return new TemplateError("FilterArgumentError", message);
}

function length(value: Value, args: Arguments): Value {
  bind("len", args, []);
  const size = sizeOf(value);
  if (size === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  return BigInt(size);
}

function* batches(value: Value, size: bigint | number, fill: Value, { budget }: Runtime): Generator<Value, void> {
  let row: Value[] = [];
  for (const item of iterate(value, budget)) {
    if (row.length === Number(size)) {
      yield row;
      row = [];
    }
    row.push(item);
  }
  if (row.length === 0) return;
  const missing = Number(size) - row.length;
  if (fill !== null && missing > 0) {
    budget.spend(missing);
    row = row.concat(new Array<Value>(missing).fill(fill));
  }
  yield row;
}

function batch(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("batch", args, ["linecount", "fill_with?"]);
  const size = bound.get("linecount") as Value;
  const fill = bound.get("fill_with", null);
  const rows = typeof size === "bigint" || typeof size === "number" ? size : size === true ? 1n : -1n;
  return new OneShot(batches(value, rows, fill, runtime));
}

function slices(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("slice", args, ["slices", "fill_with?"]);
  const fill = bound.get("fill_with", null);
  return new OneShot(parts());

  function* parts(): Generator<Value, void> {
    const all = toList(value, runtime.budget);
    const count = bound.int("slices");
    if (count === 0) throw new TemplateError("ZeroDivisionError", "integer division or modulo by zero");
    const size = Math.floor(all.length / count);
    const extra = all.length - size * count;
    let from = 0;
    for (let index = 0; index < count; index++) {
      runtime.budget.spend();
      const to = from + size + (index < extra ? 1 : 0);
      const part = all.slice(from, to);
      if (fill !== null && index >= extra) part.push(fill);
      from = to;
      yield part;
    }
  }
}

function dictSort(value: Value, args: Arguments, { budget }: Runtime): Value {
  const bound = bind("dictsort", args, ["case_sensitive?", "by?", "reverse?"]);
  const by = bound.get("by", "key");
  if (by !== "key" && by !== "value") throw argumentError('You can only sort by either "key" or "value"');
  if (!(value instanceof Dict)) throw typeError(`'${typeName(value)}' object has no attribute 'items'`);
  const caseSensitive = bound.flag("case_sensitive", false);
  const key = (entry: Value) => {
    const part = (entry as Tuple).items[by === "key" ? 0 : 1] as Value;
    return !caseSensitive && typeof part === "string" ? part.toLowerCase() : part;
  };
  return sorted(
    Array.from(value.entries(), (entry) => new Tuple(entry)),
    key,
    bound.flag("reverse", false),
    budget,
  );
}

function first(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("first", args, []);
  for (const item of iterate(value, budget)) return item;
  return new Undefined("No first item, sequence was empty.");
}

function last(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("last", args, []);
  return orElse(reversed(value, budget)[0], new Undefined("No last item, sequence was empty."));
}

/** Returns items from the end; only for types that Python's `reversed` accepts. */
function reversed(value: Value, budget: Runtime["budget"]): Value[] {
  const reversible =
    Array.isArray(value) ||
    asText(value) !== undefined ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof DictView ||
    value instanceof Range;
  if (value instanceof Undefined) return [];
  if (!reversible) throw typeError(`'${typeName(value)}' object is not reversible`);
  return toList(value, budget).reverse();
}

function reverse(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("reverse", args, []);
  if (typeof value === "string") return points(value).reverse().join("");
  if (value instanceof Markup) return new Markup(points(value.text).reverse().join(""));
  if (value instanceof OneShot) return toList(value, budget).reverse();
  if (!isIterable(value)) throw argumentError("argument must be iterable");
  const name = Array.isArray(value) ? "list_reverseiterator" : "reversed";
  return new OneShot(reversed(value, budget)[Symbol.iterator](), name);
}

function random(value: Value, args: Arguments, { budget }: Runtime): Value {
  bind("random", args, []);
  if (value instanceof OneShot || value instanceof Dict || value instanceof DictView)
    throw typeError(`'${typeName(value)}' object is not subscriptable`);
  const all = toList(value, budget);
  return orElse(all[Math.floor(Math.random() * all.length)], new Undefined("No random item, sequence was empty."));
}

function* entriesOf(value: Value): Generator<Value, void> {
  if (value instanceof Undefined) return;
  if (!(value instanceof Dict)) throw typeError("Can only get item pairs from a mapping.");
  for (const entry of value.entries()) yield new Tuple(entry);
}

function items(value: Value, args: Arguments): Value {
  bind("items", args, []);
  return new OneShot(entriesOf(value));
}

function join(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("join", args, ["d?", "attribute?"]);
  const { budget } = runtime;
  const separator = bound.get("d", "");
  const get = attributeGetter(bound.get("attribute"), runtime);
  const all = toList(value, budget).map(get);
  if (runtime.autoescape && [separator, ...all].some((item) => item instanceof Markup)) {
    return new Markup(
      joinText(
        all.map((item) => escapeHtml(item, budget).text),
        escapeHtml(separator, budget).text,
        budget,
      ),
    );
  }
  return joinText(
    all.map((item) => str(item, budget)),
    str(separator, budget),
    budget,
  );
}

function sort(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("sort", args, ["reverse?", "case_sensitive?", "attribute?"]);
  const key = attributesGetter(bound.get("attribute"), runtime, { ignoreCase: !bound.flag("case_sensitive", false) });
  return sorted(toList(value, runtime.budget), key, bound.flag("reverse", false), runtime.budget);
}

function unique(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("unique", args, ["case_sensitive?", "attribute?"]);
  const key = attributeGetter(bound.get("attribute"), runtime, { ignoreCase: !bound.flag("case_sensitive", false) });
  return new OneShot(distinct());

  function* distinct(): Generator<Value, void> {
    const seen = new Dict();
    for (const item of iterate(value, runtime.budget)) {
      const id = key(item);
      if (seen.has(id)) continue;
      seen.set(id, null);
      yield item;
    }
  }
}

function extreme(label: "min" | "max", value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind(label, args, ["case_sensitive?", "attribute?"]);
  const key = attributeGetter(bound.get("attribute"), runtime, { ignoreCase: !bound.flag("case_sensitive", false) });
  let best: { item: Value; key: Value } | undefined;
  for (const item of iterate(value, runtime.budget)) {
    const next = { item, key: key(item) };
    if (best === undefined) best = next;
    else if (label === "min" ? isLess(next.key, best.key, runtime.budget) : isLess(best.key, next.key, runtime.budget))
      best = next;
  }
  return orElse(best?.item, new Undefined("No aggregated item, sequence was empty."));
}

function groupBy(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("groupby", args, ["attribute", "default?", "case_sensitive?"]);
  const fallback = bound.get("default");
  const ignoreCase = !bound.flag("case_sensitive", false);
  const key = attributeGetter(bound.get("attribute"), runtime, { fallback, ignoreCase });
  const shown = attributeGetter(bound.get("attribute"), runtime, { fallback });
  const groups: { key: Value; members: Value[] }[] = [];
  for (const item of sorted(toList(value, runtime.budget), key, false, runtime.budget)) {
    const id = key(item);
    const group = groups.at(-1);
    if (group !== undefined && equals(group.key, id, runtime.budget)) group.members.push(item);
    else groups.push({ key: id, members: [item] });
  }
  return groups.map(
    ({ key: id, members }) => new Tuple([ignoreCase ? shown(members[0] as Value) : id, members], ["grouper", "list"]),
  );
}

function sum(value: Value, args: Arguments, runtime: Runtime): Value {
  const bound = bind("sum", args, ["attribute?", "start?"]);
  const get = attributeGetter(bound.get("attribute"), runtime);
  let total: Value = bound.get("start", 0n);
  if (asText(total) !== undefined) throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  for (const item of iterate(value, runtime.budget)) total = binary("+", total, get(item), runtime.budget);
  return total;
}

function map(value: Value, args: Arguments, runtime: Runtime): Value {
  return new OneShot(mapped());

  function* mapped(): Generator<Value, void> {
    if (!truth(value)) return;
    const change = mapper(args, runtime);
    for (const item of iterate(value, runtime.budget)) yield change(item);
  }
}

function mapper({ positional, named }: Arguments, runtime: Runtime): (item: Value) => Value {
  const attribute = named.get("attribute");
  if (positional.length === 0 && attribute !== undefined) {
    const unknown = [...named.keys()].find((name) => name !== "attribute" && name !== "default");
    if (unknown !== undefined) throw argumentError(`Unexpected keyword argument '${unknown}'`);
    return attributeGetter(attribute, runtime, { fallback: named.get("default") });
  }
  const [name, ...rest] = positional;
  if (name === undefined) throw argumentError("map requires a filter argument");
  const filter = asText(name);
  if (filter === undefined) throw new TemplateError("TemplateRuntimeError", `No filter named ${typeName(name)}.`);
  return (item) => runtime.filter(filter, item, { positional: rest, named });
}

function choose(value: Value, args: Arguments, runtime: Runtime, keep: boolean, byAttribute: boolean): Value {
  return new OneShot(chosen());

  function* chosen(): Generator<Value, void> {
    if (!truth(value)) return;
    const passes = chooser(args, runtime, byAttribute);
    for (const item of iterate(value, runtime.budget)) if (passes(item) === keep) yield item;
  }
}

function chooser({ positional, named }: Arguments, runtime: Runtime, byAttribute: boolean): (item: Value) => boolean {
  const [attribute] = positional;
  if (byAttribute && attribute === undefined) throw argumentError("Missing parameter for attribute name");
  const get = byAttribute ? attributeGetter(attribute, runtime) : (item: Value) => item;
  const [name, ...rest] = positional.slice(byAttribute ? 1 : 0);
  if (name === undefined) return (item) => truth(get(item));
  const test = asText(name);
  if (test === undefined) throw new TemplateError("TemplateRuntimeError", `No test named ${typeName(name)}.`);
  return (item) => truth(runtime.test(test, get(item), { positional: rest, named }));
}
