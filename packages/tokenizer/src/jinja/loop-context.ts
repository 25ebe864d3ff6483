/** The variable `loop`. */

import type { Budget } from "./budget.js";
import { equals, iterate, sizeOf } from "./python/compare.js";
import { typeError } from "./template-error.js";
import { type Arguments, Callable, orElse, Record, Tuple, Undefined, type Value } from "./values.js";

export class LoopContext extends Record {
  readonly typeName = "LoopContext";
  #iterator: Iterator<Value>;
  #length: number | undefined;
  #index0 = -1;
  #before: Value | undefined;
  #current: Value | undefined;
  #after: Value | undefined;
  #lastChanged: Value | undefined;

  constructor(
    readonly items: Value,
    readonly depth0: number,
    readonly budget: Budget,
    /** Renders the loop again with other items; only for `recursive` loops. */
    readonly recurse: ((items: Value, depth0: number) => Value) | undefined,
  ) {
    super();
    this.#iterator = iterate(items, budget);
  }

  /** Returns the next item; `undefined` at the end. */
  advance(): Value | undefined {
    const item = this.#peek();
    if (item === undefined) return undefined;
    this.#after = undefined;
    this.#index0 += 1;
    this.#before = this.#current;
    this.#current = item;
    return item;
  }

  #peek(): Value | undefined {
    if (this.#after === undefined) {
      const { done, value } = this.#iterator.next();
      this.#after = done === true ? undefined : (value as Value);
    }
    return this.#after;
  }

  #size(): number {
    if (this.#length === undefined) {
      this.#length = sizeOf(this.items);
      if (this.#length === undefined) {
        const rest: Value[] = [];
        for (let next = this.#iterator.next(); next.done !== true; next = this.#iterator.next())
          rest.push(next.value as Value);
        this.#iterator = rest[Symbol.iterator]();
        this.#length = rest.length + this.#index0 + 1 + (this.#after === undefined ? 0 : 1);
      }
    }
    return this.#length;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return BigInt(this.#index0 + 1);
      case "index0":
        return BigInt(this.#index0);
      case "revindex":
        return BigInt(this.#size() - this.#index0);
      case "revindex0":
        return BigInt(this.#size() - this.#index0 - 1);
      case "length":
        return BigInt(this.#size());
      case "first":
        return this.#index0 === 0;
      case "last":
        return this.#peek() === undefined;
      case "depth":
        return BigInt(this.depth0 + 1);
      case "depth0":
        return BigInt(this.depth0);
      case "previtem":
        return this.#index0 === 0 ? new Undefined("there is no previous item") : this.#before;
      case "nextitem":
        return orElse(this.#peek(), new Undefined("there is no next item"));
      case "cycle":
        return new Callable(name, (args) => this.#cycle(args));
      case "changed":
        return new Callable(name, (args) => this.#changed(args));
      default:
        return undefined;
    }
  }

  #cycle({ positional }: Arguments): Value {
    if (positional.length === 0) throw typeError("no items for cycling given");
    return positional[this.#index0 % positional.length] as Value;
  }

  #changed({ positional }: Arguments): Value {
    const value = new Tuple(positional);
    if (this.#lastChanged !== undefined && equals(this.#lastChanged, value, this.budget)) return false;
    this.#lastChanged = value;
    return true;
  }

  override call({ positional, named }: Arguments): Value {
    if (this.recurse === undefined)
      throw typeError("The loop must have the 'recursive' marker to be called recursively.");
    const items = orElse(positional[0], named.get("iterable"));
    if (items === undefined || positional.length + named.size !== 1)
      throw typeError("loop() takes one argument, the items");
    return this.recurse(items, this.depth0 + 1);
  }

  override repr(): string {
    return `<LoopContext ${this.#index0 + 1}/${this.#size()}>`;
  }
}

/** Yields the items that pass a loop's filter, which are not known before they are reached. */
export function filtered(items: Value, passes: (item: Value) => boolean, budget: Budget): Generator<Value, void> {
  function* chosen(): Generator<Value, void> {
    for (const item of iterate(items, budget)) if (passes(item)) yield item;
  }
  return chosen();
}
