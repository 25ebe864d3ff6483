/** Checked rows of files of labelled texts. */

import { PythonFloat } from "@mixtape/tokenizer";
import { kindOf } from "../data/kind-of.js";
import { DataError } from "../errors.js";

/** A label in a file: a name or a number. */
export type RawLabel = string | number;

/** A row, without keys that are null or ignored. */
export type RawRow = Readonly<Record<string, unknown>>;

/**
 * Reads a row, which must have only keys in `known`.
 * @throws {DataError} naming unknown keys
 */
export function rawRow(value: unknown, where: string, { known, ignoreKeys, format }: RowShape): RawRow {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DataError({ where, expected: format, got: kindOf(value) });
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const row = Object.fromEntries(
    entries.filter(([key, item]) => item !== null && item !== undefined && !ignoreKeys.includes(key)),
  ) as RawRow;
  const unknown = Object.keys(row).filter((key) => !known.includes(key));
  if (unknown.length === 0) return row;
  throw new DataError({
    where,
    expected: format,
    got: `the keys ${unknown
      .slice(0, 8)
      .map((key) => JSON.stringify(key))
      .join(", ")}`,
    fix: {
      option: "ignoreKeys",
      value: unknown.slice(0, 8),
      text: (option) => `If they are not needed for training, pass ${option}`,
    },
  });
}

/** Keys that a row may have. */
export interface RowShape {
  readonly known: readonly string[];
  readonly ignoreKeys: readonly string[];
  /** Description for errors. */
  readonly format: string;
}

/** @throws {DataError} if it is not a text */
export function textOf(row: RawRow, key: string, where: string): string {
  const value = row[key];
  if (typeof value === "string" && value.trim() !== "") return value;
  const got = typeof value === "string" ? "an empty text" : kindOf(value);
  throw new DataError({ where: `${where}: ${key}`, expected: "a text", got });
}

/** @throws {DataError} if it is not a name or number */
export function labelOf(value: unknown, where: string): RawLabel {
  const label = asNumber(value);
  if ((typeof label === "string" && label !== "") || (typeof label === "number" && Number.isFinite(label)))
    return label;
  throw new DataError({ where, expected: "a label: a name or a number", got: kindOf(value) });
}

/** @throws {DataError} if it is not a list of names or numbers */
export function labelList(value: unknown, where: string): RawLabel[] {
  if (!Array.isArray(value)) throw new DataError({ where, expected: "a list of labels", got: kindOf(value) });
  return value.map((item, i) => labelOf(item, `${where}[${i}]`));
}

/** Returns the first of some keys that a row has. */
export function keyIn(row: RawRow, keys: readonly string[]): string | undefined {
  return keys.find((key) => row[key] !== undefined);
}

/** Tells whether a number is written with a point. */
export function isFloat(value: unknown): boolean {
  return value instanceof PythonFloat || (typeof value === "number" && !Number.isInteger(value));
}

function asNumber(value: unknown): unknown {
  if (value instanceof PythonFloat) return value.value;
  return typeof value === "boolean" || typeof value === "bigint" ? Number(value) : value;
}

/** Limit of classes that are given by number: a larger number is an id of something else. */
const MAX_CLASSES = 100_000;

/** Names of classes, and the class of each label. */
export class LabelNames {
  /** Names by class; null for none. */
  readonly id2label: Readonly<Record<number, string>>;
  readonly #ids: ReadonlyMap<string, number>;

  /**
   * @param labels of a file: names are sorted, as in transformers' examples; numbers are classes
   * @param file for errors
   * @param given names of the model, which take precedence
   * @throws {DataError} without names of the model, for names mixed with numbers, and for a number that is too large
   */
  constructor(labels: Iterable<RawLabel>, file: string, given?: Readonly<Record<number, string>>) {
    const all = [...new Set(labels)];
    const names = all.filter((label) => typeof label === "string").sort();
    const most = all.reduce<number>((max, label) => (typeof label === "number" ? Math.max(max, label) : max), -1);
    if (!given) checkNames(names, most, file);
    this.id2label =
      given ??
      Object.fromEntries(
        names.length > 0
          ? names.map((name, i) => [i, name])
          : Array.from({ length: most + 1 }, (_, i) => [i, `LABEL_${i}`]),
      );
    this.#ids = new Map(Object.entries(this.id2label).map(([id, name]) => [name, Number(id)]));
  }

  /** Returns the class of a label. @throws {DataError} for an unknown name, and for a number that is not a class */
  classOf(label: RawLabel, where: string): number {
    const count = this.#ids.size;
    const id = typeof label === "string" ? this.#ids.get(label) : label;
    if (id !== undefined && Number.isInteger(id) && id >= 0 && id < count) return id;
    throw new DataError({
      where,
      expected:
        typeof label === "string"
          ? `one of ${[...this.#ids.keys()].slice(0, 12).join(", ")}`
          : `a class from 0 to ${count - 1}`,
      got: typeof label === "string" ? JSON.stringify(label) : `${label}`,
    });
  }
}

function checkNames(names: readonly RawLabel[], most: number, file: string): void {
  const where = `${file}: labels`;
  if (names.length > 0 && most >= 0)
    throw new DataError({
      where,
      expected: "names or numbers of classes, not both",
      got: `${JSON.stringify(names[0])} and ${most}`,
      fix: "Write numbers that are names in quotes",
    });
  if (most >= MAX_CLASSES)
    throw new DataError({
      where,
      expected: `numbers of classes below ${MAX_CLASSES}`,
      got: `${most}`,
      fix: "Number the classes from 0, or write their names in quotes",
    });
}
