import { QuantizationError } from "../errors.js";

type Json = Readonly<Record<string, unknown>>;

/** Reads the keys of a quantisation config. A value of another kind than the requested one is an error. */
export class ConfigReader {
  readonly #json: Json;
  /** Name of the file and the path of keys, for errors. */
  readonly where: string;

  constructor(json: Json, where: string) {
    this.#json = json;
    this.where = where;
  }

  /** @throws SyntaxError, and TypeError for something else than an object */
  static parse(text: string, where: string): ConfigReader {
    const json: unknown = JSON.parse(text);
    if (!isObject(json)) throw new TypeError("not an object");
    return new ConfigReader(json, where);
  }

  /** Names of all keys. */
  get keys(): readonly string[] {
    return Object.keys(this.#json);
  }

  /** Whether a key is there, and not null. */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  /** @throws {QuantizationError} for other values than integers of at least `from`; null and absence are the default. */
  integer(key: string, fallback?: number, from = 1): number {
    const value = this.#value(key) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= from) return value as number;
    throw this.error(key, `an integer of at least ${from}`);
  }

  /** Whether a key has this value, and not another one. */
  is(key: string, value: boolean): boolean {
    return this.#value(key) === value;
  }

  number(key: string): number {
    const value = this.#value(key);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.error(key, "a number");
  }

  text(key: string, fallback: string): string {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "string") return value;
    throw this.error(key, "text");
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#value(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.error(key, "true or false");
  }

  /** @throws {QuantizationError} for a value that is not one of the options */
  oneOf<T extends string | number | boolean | null>(key: string, options: readonly T[], fallback?: T, fix?: string): T {
    const value = this.#value(key) ?? fallback ?? null;
    if (options.includes(value as T)) return value as T;
    throw this.error(key, options.length === 1 ? show(options[0]) : `one of ${options.map(show).join(", ")}`, fix);
  }

  /** Returns a list of text; an empty one for null and absence. */
  texts(key: string): readonly string[] {
    const value = this.#value(key) ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.error(key, "a list of names");
  }

  /** Returns two integers; the default for null and absence. */
  pair(key: string, fallback?: readonly [number, number]): readonly [number, number] {
    const value = this.#value(key) ?? fallback;
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [];
    const [a, b] = numbers.filter((n): n is number => Number.isSafeInteger(n) && (n as number) > 0);
    if (numbers.length === 2 && a !== undefined && b !== undefined) return [a, b];
    throw this.error(key, "two positive integers");
  }

  /** Returns a reader of an object within. */
  object(key: string): ConfigReader {
    const value = this.#value(key);
    if (isObject(value)) return new ConfigReader(value, `${this.where}.${key}`);
    throw this.error(key, "an object");
  }

  /** Returns readers of the objects within an object. */
  objects(key: string): readonly ConfigReader[] {
    const outer = this.object(key);
    return Object.keys(outer.#json).map((name) => outer.object(name));
  }

  error(key: string, expected: string, fix?: string): QuantizationError {
    const got = show(this.#value(key));
    return new QuantizationError({ where: `${this.where}.${key}`, expected, got, ...(fix && { fix }) });
  }

  #value(key: string): unknown {
    return Object.hasOwn(this.#json, key) ? (this.#json[key] ?? undefined) : undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
