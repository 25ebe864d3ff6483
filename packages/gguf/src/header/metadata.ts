import { safeName } from "@mixtape/errors";
import { GgufFormatError } from "../errors.js";

/** Arrays of numbers are typed arrays; 64-bit integers are numbers if they are exact, else bigints. */
export type MetadataValue = string | number | bigint | boolean | readonly string[] | NumberArray | readonly boolean[];

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Metadata of a file, with readers that check types. Each absent value is undefined. */
export class Metadata {
  readonly #values: ReadonlyMap<string, MetadataValue>;
  readonly #read = new Set<string>();

  constructor(
    /** Name of the file for errors. */
    readonly where: string,
    values: ReadonlyMap<string, MetadataValue>,
  ) {
    this.#values = values;
  }

  get keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** Returns a value of any type. */
  get(key: string): MetadataValue | undefined {
    this.#read.add(key);
    return this.#values.get(key);
  }

  string(key: string): string | undefined {
    return this.#typed(key, "a string", (value) => typeof value === "string");
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, "true or false", (value) => typeof value === "boolean");
  }

  number(key: string): number | undefined {
    return this.#typed(key, "a number", (value) => typeof value === "number");
  }

  /** Returns a whole number from 0 to 2^53 - 1. */
  count(key: string): number | undefined {
    return this.#typed(
      key,
      "a whole number from 0 on",
      (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
    );
  }

  /** @throws {GgufFormatError} if there is none */
  requiredCount(key: string): number {
    const value = this.count(key);
    if (value !== undefined) return value;
    throw this.error(key, "a whole number", "none");
  }

  strings(key: string): readonly string[] | undefined {
    return this.#typed(key, "an array of strings", (value) => Array.isArray(value) && typeof value[0] !== "boolean");
  }

  numbers(key: string): ArrayLike<number> | undefined {
    return this.#typed<Exclude<NumberArray, BigUint64Array | BigInt64Array>>(
      key,
      "an array of numbers",
      (value) => ArrayBuffer.isView(value) && !isBigArray(value),
    );
  }

  /** Returns the keys that begin with `prefix` and have not been read. */
  unread(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix) && !this.#read.has(key));
  }

  /** Returns the error for a value that is not as expected. */
  error(key: string, expected: string, got: string, fix?: string): GgufFormatError {
    return new GgufFormatError({ where: `${this.where}: ${safeName(key)}`, expected, got, ...(fix && { fix }) });
  }

  #typed<T extends MetadataValue>(
    key: string,
    expected: string,
    fits: (value: MetadataValue) => boolean,
  ): T | undefined {
    const value = this.get(key);
    if (value === undefined || fits(value)) return value as T | undefined;
    throw this.error(key, expected, show(value));
  }
}

function isBigArray(value: MetadataValue): boolean {
  return value instanceof BigUint64Array || value instanceof BigInt64Array;
}

/** Describes a value for an error. */
function show(value: MetadataValue): string {
  if (typeof value === "string") return safeName(JSON.stringify(value), 80);
  if (typeof value !== "object") return String(value);
  return `an array of ${value.length}`;
}
