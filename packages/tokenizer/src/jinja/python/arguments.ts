/** Binds the arguments of a call to a function's parameters, as Python does. */

import { typeError } from "../template-error.js";
import { type Arguments, asInt, asText, orElse, typeName, type Value } from "../values.js";
import { truth } from "./compare.js";

/** Arguments by parameter name. */
export class Bound {
  constructor(
    readonly label: string,
    readonly values: ReadonlyMap<string, Value>,
  ) {}

  /** Returns the argument unchanged; it may be `None`. */
  get(name: string): Value | undefined;
  get(name: string, absent: Value): Value;
  get(name: string, absent?: Value): Value | undefined {
    return orElse(this.values.get(name), absent);
  }

  /** Returns a string; the default if it is absent. */
  text(name: string): string;
  text<D>(name: string, absent: D): string | D;
  text(name: string, absent?: unknown): unknown {
    const value = this.values.get(name);
    if (value === undefined) return absent;
    const text = asText(value);
    if (text === undefined) throw typeError(`${this.label}() argument '${name}' must be str, not ${typeName(value)}`);
    return text;
  }

  /** Returns a string; the default if it is absent or `None`. */
  optionalText<D>(name: string, absent: D): string | D {
    return this.values.get(name) === null ? absent : this.text(name, absent);
  }

  /** Returns an integer that a JavaScript number represents exactly. */
  int(name: string): number;
  int<D>(name: string, absent: D): number | D;
  int(name: string, absent?: unknown): unknown {
    const value = this.values.get(name);
    if (value === undefined) return absent;
    const int = asInt(value);
    if (int === undefined) throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
    return clampInt(int);
  }

  flag(name: string, absent: boolean): boolean {
    const value = this.values.get(name);
    return value === undefined ? absent : truth(value);
  }
}

/** Converts an integer to a number, clamped to ±2 ** 52. */
export function clampInt(value: bigint): number {
  const limit = 2n ** 52n;
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}

/** Checks that a function without parameters is called without arguments. */
export function takesNone<T>(label: string, args: Arguments, result: () => T): T {
  bind(label, args, []);
  return result();
}

/**
 * Binds arguments to parameters. A parameter that ends with `?` is optional; parameters after `/` may be named, and in
 * a list without `/` all may.
 */
export function bind(label: string, { positional, named }: Arguments, parameters: readonly string[]): Bound {
  const slash = parameters.indexOf("/");
  const names = parameters.filter((name) => name !== "/");
  if (positional.length > names.length) {
    throw typeError(`${label}() takes at most ${names.length} arguments (${positional.length} given)`);
  }
  const values = new Map<string, Value>();
  names.forEach((parameter, index) => {
    const name = parameter.replace("?", "");
    const given = positional[index];
    if (given !== undefined) values.set(name, given);
  });
  for (const [name, value] of named) {
    const index = names.findIndex((parameter) => parameter.replace("?", "") === name);
    if (index === -1 || index < slash) throw typeError(`${label}() got an unexpected keyword argument '${name}'`);
    if (values.has(name)) throw typeError(`${label}() got multiple values for argument '${name}'`);
    values.set(name, value);
  }
  const missing = names.find((parameter) => !parameter.endsWith("?") && !values.has(parameter));
  if (missing !== undefined) throw typeError(`${label}() missing required argument: '${missing}'`);
  return new Bound(label, values);
}
