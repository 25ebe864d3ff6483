/** Functions that every chat template may call: Jinja's, and transformers' `raise_exception` and `strftime_now`. */

import { bind } from "./python/arguments.js";
import { makeDict } from "./python/container-methods.js";
import { str } from "./python/repr.js";
import { strftime } from "./python/strftime.js";
import type { Runtime } from "./runtime.js";
import { TemplateError, typeError, valueError } from "./template-error.js";
import { type Arguments, asInt, Callable, Namespace, Range, Record, typeName, type Value } from "./values.js";

/** Longest range that the sandbox allows. */
const MAX_RANGE = 100_000;

export function makeGlobals(runtime: Runtime): ReadonlyMap<string, Value> {
  const { budget } = runtime;
  const functions: [string, (args: Arguments) => Value][] = [
    ["range", range],
    ["dict", (args) => makeDict(args, budget)],
    ["namespace", (args) => new Namespace(makeDict(args, budget))],
    ["cycler", (args) => new Cycler(args)],
    ["joiner", (args) => new Joiner(bind("joiner", args, ["sep?"]).get("sep", ", "))],
    [
      "lipsum",
      () => {
        throw new TemplateError("TemplateRuntimeError", "lipsum(), which generates random text, is not supported");
      },
    ],
    [
      "raise_exception",
      (args) => {
        throw new TemplateError(
          "TemplateError",
          str(bind("raise_exception", args, ["message"]).get("message") as Value, budget),
        );
      },
    ],
    ["strftime_now", (args) => strftime(bind("strftime_now", args, ["format"]).text("format"), runtime.now(), budget)],
  ];
  return new Map(functions.map(([name, call]) => [name, new Callable(name, call, new Map(), "function")]));
}

function range({ positional, named }: Arguments): Value {
  if (named.size > 0) throw typeError("range() takes no keyword arguments");
  const [first, second, third] = positional.map((value) => {
    const int = asInt(value);
    if (int === undefined) throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
    return int;
  });
  if (first === undefined || positional.length > 3)
    throw typeError(`range expected 1 to 3 arguments, got ${positional.length}`);
  if (third === 0n) throw valueError("range() arg 3 must not be zero");
  const made = second === undefined ? new Range(0n, first, 1n) : new Range(first, second, third ?? 1n);
  if (made.length > MAX_RANGE)
    throw new TemplateError(
      "OverflowError",
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`,
    );
  return made;
}

/** Returns its items in turn, repeatedly. */
class Cycler extends Record {
  readonly typeName = "Cycler";
  readonly #items: readonly Value[];
  #at = 0;

  constructor({ positional, named }: Arguments) {
    super();
    if (named.size > 0) throw typeError("cycler() takes no keyword arguments");
    if (positional.length === 0) throw new TemplateError("RuntimeError", "at least one item has to be provided");
    this.#items = positional;
  }

  override attribute(name: string): Value | undefined {
    const current = this.#items[this.#at] as Value;
    if (name === "current") return current;
    if (name === "pos") return BigInt(this.#at);
    if (name === "next") {
      return new Callable(name, () => {
        const item = this.#items[this.#at] as Value;
        this.#at = (this.#at + 1) % this.#items.length;
        return item;
      });
    }
    if (name !== "reset") return undefined;
    return new Callable(name, () => {
      this.#at = 0;
      return null;
    });
  }

  override repr(): string {
    return "<Cycler>";
  }
}

/** Returns nothing when first called, and its separator from then on. */
class Joiner extends Record {
  readonly typeName = "Joiner";
  #used = false;

  constructor(readonly separator: Value) {
    super();
  }

  override attribute(name: string): Value | undefined {
    if (name === "sep") return this.separator;
    return name === "used" ? this.#used : undefined;
  }

  override call(): Value {
    const result = this.#used ? this.separator : "";
    this.#used = true;
    return result;
  }

  override repr(): string {
    return "<Joiner>";
  }
}
