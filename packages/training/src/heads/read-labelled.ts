/** Common parts of the readers of labelled texts. */

import { checkOptions } from "@mixtape/errors";
import { checkArguments } from "../data/check-arguments.js";
import type { DataTokenizer } from "../data/data-tokenizer.js";
import type { ByteSource } from "../data/read-lines.js";
import { rowsOf } from "../data/rows.js";
import { DataError } from "../errors.js";
import { type RawRow, rawRow } from "./labelled-rows.js";

/** Options of reading a file of labelled texts. */
export interface ReadLabelledOptions {
  /** Name of the file: its extension determines the format, `.jsonl` or `.json`. Errors begin with it. */
  readonly name: string;
  /** Keys of rows to ignore. Any other unknown key is an error. */
  readonly ignoreKeys?: readonly string[];
  /** Maximum number of tokens of a text: longer ones are truncated, and counted in the warnings. Default: no limit. */
  readonly maxLength?: number;
  /** Allowed names of classes, such as those of the model. Default: those of the file. */
  readonly id2label?: Readonly<Record<number, string>>;
}

/** The examples of a file. */
export interface LabelledDataset<E> {
  readonly examples: readonly E[];
  /** Names of the classes; null for questions. */
  readonly id2label: Readonly<Record<number, string>> | null;
  /** Warnings about them, a sentence each. */
  readonly warnings: readonly string[];
}

/** @throws {OptionError} for an unknown option @throws {TrainingError} for arguments of the wrong type */
export function checkLabelledArguments(where: string, tokenizer: DataTokenizer, options: ReadLabelledOptions): void {
  checkOptions(where, options, { name: true, ignoreKeys: true, maxLength: true, id2label: true });
  checkArguments(where, tokenizer, options);
}

/** Reads the rows of a file, each with known keys. @throws {DataError} naming a row with others */
export async function* labelledRows(
  source: ByteSource,
  options: ReadLabelledOptions,
  known: readonly string[],
  format: string,
): AsyncGenerator<{ where: string; row: RawRow }> {
  const { name, ignoreKeys = [] } = options;
  if (/\.txt$/i.test(name))
    throw new DataError({ where: name, expected: "a .jsonl or .json file, with labels", got: "a text without labels" });
  for await (const { where, row } of rowsOf(source, name, format))
    yield { where, row: rawRow(row.value, where, { known, ignoreKeys, format }) };
}

/** Truncates texts, and counts the truncated ones. */
export class Lengths {
  readonly #name: string;
  readonly #maxLength: number;
  readonly #cut: string[] = [];

  constructor({ name, maxLength = Number.POSITIVE_INFINITY }: ReadLabelledOptions) {
    this.#name = name;
    this.#maxLength = maxLength;
  }

  /** @throws {DataError} for a text without tokens */
  cut(ids: readonly number[], where: string): number[] {
    if (ids.length === 0) throw new DataError({ where, expected: "a text of at least one token", got: "none" });
    if (ids.length > this.#maxLength) this.#cut.push(where);
    return ids.slice(0, this.#maxLength);
  }

  /** @throws {DataError} for a file without rows */
  of(examples: readonly unknown[]): { warnings: string[] } {
    if (examples.length === 0)
      throw new DataError({ where: this.#name, expected: "texts with labels", got: "an empty file" });
    if (this.#cut.length === 0) return { warnings: [] };
    return { warnings: [`${placesOf(this.#cut)}: cut to ${this.#maxLength} tokens`] };
  }
}

/** Names the first of some rows, and counts the others. */
export function placesOf(places: readonly string[]): string {
  return places.length === 1 ? places[0]! : `${places[0]} and ${places.length - 1} more`;
}
