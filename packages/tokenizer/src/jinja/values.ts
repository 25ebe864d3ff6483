/**
 * Values of a template, as in Python: `None` is null, `int` a bigint, `float` a number, `str` a string, `list` an
 * array; everything else is one of the classes below. No value is ever a JavaScript object of the caller.
 */

import { BudgetError, typeError } from "./template-error.js";

export type Value = null | boolean | bigint | number | string | Value[] | PyObject;

/** Base of values without a JavaScript primitive. */
export abstract class PyObject {
  /** Name of the type in Python's messages. */
  abstract readonly typeName: string;
}

/** A string that is safe in HTML (markupsafe's): its operands are escaped. Created by `|safe` and `|escape`. */
export class Markup extends PyObject {
  readonly typeName = "Markup";
  constructor(readonly text: string) {
    super();
  }
}

export class Tuple extends PyObject {
  readonly typeName: string = "tuple";
  constructor(
    readonly items: readonly Value[],
    /** Names of the items, for the tuples of `groupby`. */
    readonly fields: readonly string[] = [],
  ) {
    super();
  }
}

/** Value of a missing key, printed as nothing. Most uses raise `message`. */
export class Undefined extends PyObject {
  readonly typeName = "Undefined";
  constructor(
    readonly message: string,
    readonly kind: "UndefinedError" | "SecurityError" = "UndefinedError",
  ) {
    super();
  }
}

/** Python's dict: in order of insertion; `1`, `1.0` and `True` are one key. */
export class Dict extends PyObject {
  readonly typeName = "dict";
  readonly #entries = new Map<unknown, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashKey(key));
  }

  set(key: Value, value: Value): void {
    const hash = hashKey(key);
    const entry = this.#entries.get(hash);
    this.#entries.set(hash, [entry === undefined ? key : entry[0], value]);
  }

  entries(): IterableIterator<readonly [Value, Value]> {
    return this.#entries.values();
  }

  keys(): Value[] {
    return Array.from(this.entries(), ([key]) => key);
  }

  values(): Value[] {
    return Array.from(this.entries(), ([, value]) => value);
  }
}

/** Result of `dict.keys()`, `dict.values()` and `dict.items()`. */
export class DictView extends PyObject {
  readonly typeName: string;
  constructor(
    readonly dict: Dict,
    readonly kind: "keys" | "values" | "items",
  ) {
    super();
    this.typeName = `dict_${kind}`;
  }

  items(): Value[] {
    if (this.kind === "keys") return this.dict.keys();
    if (this.kind === "values") return this.dict.values();
    return Array.from(this.dict.entries(), (entry) => new Tuple(entry));
  }
}

export class Range extends PyObject {
  readonly typeName = "range";
  readonly length: number;
  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
  ) {
    super();
    const span = step > 0n ? stop - start + step - 1n : start - stop - step - 1n;
    const length = span / (step > 0n ? step : -step);
    this.length = length > 0n ? Number(length) : 0;
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }

  *[Symbol.iterator](): Generator<bigint> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

/** A generator or an iterator: it yields each item once. */
export class OneShot extends PyObject {
  readonly typeName: string;
  constructor(
    readonly iterator: Iterator<Value>,
    typeName = "generator",
  ) {
    super();
    this.typeName = typeName;
  }
}

/** Result of `namespace()`: the one object that a template may assign to. */
export class Namespace extends PyObject {
  readonly typeName = "Namespace";
  constructor(readonly attributes: Dict) {
    super();
  }
}

/** Arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A function, method or macro. */
export class Callable extends PyObject {
  readonly typeName: string;
  constructor(
    readonly label: string,
    readonly call: (args: Arguments) => Value,
    /** Attributes that a template may read, such as a macro's `name`. */
    readonly attributes: ReadonlyMap<string, Value> = new Map(),
    typeName = "builtin_function_or_method",
  ) {
    super();
    this.typeName = typeName;
  }
}

/** An object whose attributes are computed when read (`loop`, `cycler`). */
export abstract class Record extends PyObject {
  abstract attribute(name: string): Value | undefined;
  /** Its `repr`. */
  abstract repr(): string;
  /** Calls the object itself; `undefined` if it is not callable. */
  call?(args: Arguments): Value;
}

const UNDEFINED_HASH = Symbol("Undefined");
const LONGEST_HASH = 2 ** 20;
const ids = new WeakMap<object, number>();
let lastId = 0;

/** Returns a Map key that is equal where Python's `==` and `hash` are. */
function hashKey(value: Value): unknown {
  if (typeof value === "string") return value.startsWith("\0") ? `\0s${value}` : value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof Markup) return hashKey(value.text);
  if (value instanceof Undefined) return UNDEFINED_HASH;
  if (value instanceof Tuple) return `\0t${value.items.map(describeHash).join("")}`;
  if (Array.isArray(value) || value instanceof Dict || value instanceof DictView) {
    throw typeError(`unhashable type: '${typeName(value)}'`);
  }
  return value;
}

function describeHash(value: Value): string {
  const hash = hashKey(value);
  let text = `${typeof hash}:${String(hash)}`;
  if (typeof hash === "object" && hash !== null) {
    let id = ids.get(hash);
    if (id === undefined) {
      lastId += 1;
      id = lastId;
      ids.set(hash, id);
    }
    text = `object:${id}`;
  }
  if (text.length > LONGEST_HASH) throw new BudgetError("it uses a tuple of enormous size as a key");
  return `${text.length},${text}`;
}

/** Returns the name of a value's type, as in Python's messages. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "string") return "str";
  if (Array.isArray(value)) return "list";
  return value.typeName;
}

/** Returns the text of a string, safe or not; `undefined` for everything else. */
export function asText(value: Value | undefined): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Markup ? value.text : undefined;
}

/** Returns an integer, `bool` included, like Python's `__index__`; `undefined` for everything else. */
export function asInt(value: Value | undefined): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  return undefined;
}

/** Returns a value, or another if it is undefined. `None` is a value, which `??` would skip. */
export function orElse<T extends Value | undefined>(value: Value | undefined, other: T): Value | T {
  return value === undefined ? other : value;
}
