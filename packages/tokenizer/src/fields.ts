/** Reads the fields of JSON objects with the required type, or throws an error that names the key. */

import { TokenizerError } from "./tokenizer-error.js";

/** A JSON object with unchecked keys. */
export type JsonObject = { readonly [key: string]: unknown };

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Creates the error for an invalid value. */
export function badValue(where: string, expected: string, value: unknown, fix?: string): TokenizerError {
  return new TokenizerError({ where, expected, got: describe(value), fix });
}

/** An object at a location in a file, such as `tokenizer.json: model`. */
export class Fields {
  readonly where: string;
  readonly #object: JsonObject;

  constructor(value: unknown, where: string) {
    if (!isObject(value)) throw badValue(where, "a JSON object", value);
    this.where = where;
    this.#object = value;
  }

  /** Returns the value of a key; undefined if it is absent. */
  get(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  keys(): string[] {
    return Object.keys(this.#object);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  object(key: string): Fields {
    return new Fields(this.get(key), this.at(key));
  }

  string(key: string, absent?: string): string {
    const value = this.get(key) ?? absent;
    if (typeof value !== "string") throw badValue(this.at(key), "a text", this.get(key));
    return value;
  }

  /** Returns a text, or null if the key is absent or null. */
  optionalString(key: string): string | null {
    return this.get(key) === null || !this.has(key) ? null : this.string(key);
  }

  /** Returns a text of one character. */
  char(key: string): string {
    const value = this.string(key);
    if (Array.from(value).length !== 1) throw badValue(this.at(key), "one character", value);
    return value;
  }

  boolean(key: string, absent?: boolean): boolean {
    const value = this.get(key) ?? absent;
    if (typeof value !== "boolean") throw badValue(this.at(key), "true or false", this.get(key));
    return value;
  }

  /** Returns a whole number from 0 to 2^32 - 1. */
  whole(key: string, absent?: number): number {
    const value = this.get(key) ?? absent;
    if (!isId(value)) throw badValue(this.at(key), "a whole number from 0 to 4294967295", this.get(key));
    return value;
  }

  array(key: string): readonly unknown[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw badValue(this.at(key), "an array", value);
    return value;
  }

  oneOf<T extends string>(key: string, values: readonly T[], absent?: T): T {
    const value = this.get(key) ?? absent;
    const known = values.find((other) => other === value);
    if (known === undefined) throw badValue(this.at(key), `one of ${values.join(", ")}`, this.get(key));
    return known;
  }

  /** Returns the location of a key. */
  at(key: string | number): string {
    return `${this.where}.${key}`;
  }
}

/** Whether a value is an id: an unsigned 32-bit integer. */
export function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/** Describes a value in a few words, for an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return "an object";
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return String(value);
}
