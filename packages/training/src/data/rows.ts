/** Rows of a file of texts, in any format. */

import { MixtapeError } from "@mixtape/errors";
import { parsePythonJson } from "@mixtape/tokenizer";
import { DataError } from "../errors.js";
import { kindOf } from "./kind-of.js";
import { type ByteSource, readLines, readText } from "./read-lines.js";

/** Extensions of files with one row on each line. */
const LINES = [".jsonl", ".ndjson"];

/** A row of a file, or a file that is one text. */
export type Row = {
  readonly where: string;
  readonly row: { readonly isText: true; readonly value: string } | { readonly isText: false; readonly value: unknown };
};

/**
 * Reads the rows of a `.txt`, `.jsonl` or `.json` file, one after the other.
 * @param formats possible formats of a row, for errors
 * @throws {DataError} naming a line that is not JSON, and for a file of another kind
 */
export async function* rowsOf(source: ByteSource, name: string, formats: string): AsyncGenerator<Row> {
  const ending = /\.[^./\\]*$/.exec(name)?.[0].toLowerCase() ?? "";
  if (ending === ".txt") {
    const value = await readText(source, name);
    if (value.trim() !== "") yield { where: name, row: { isText: true, value } };
  } else if (LINES.includes(ending)) {
    for await (const { number, text } of readLines(source, name)) {
      const where = `${name}: line ${number}`;
      yield { where, row: { isText: false, value: parsed(text, where, formats) } };
    }
  } else if (ending === ".json") {
    const all = parsed(await readText(source, name), name, formats);
    if (!Array.isArray(all))
      throw new DataError({
        where: name,
        expected: "a list of rows",
        got: kindOf(all),
        fix: "A file with a row on each line is called .jsonl",
      });
    for (const [i, value] of all.entries()) yield { where: `${name}: row ${i + 1}`, row: { isText: false, value } };
  } else
    throw new DataError({
      where: name,
      expected: "a .txt, .jsonl or .json file",
      got: ending === "" ? "a name without an ending" : ending,
      fix: FIXES[ending] ?? "Rename it if it is one of these",
    });
}

const EXPORT = 'In Python, datasets.load_dataset(…).to_json("data.jsonl") writes rows as lines';
const FIXES: Readonly<Record<string, string>> = {
  ".parquet": EXPORT,
  ".arrow": EXPORT,
  ".csv": EXPORT,
  ".gz": "Decompress it",
  ".zst": "Decompress it",
};

function parsed(text: string, where: string, formats: string): unknown {
  try {
    return parsePythonJson(text, where);
  } catch (cause) {
    if (!(cause instanceof MixtapeError)) throw cause;
    const got = `no JSON: ${cause.got} where there should be ${cause.expected}`;
    throw new DataError({ where, expected: formats, got, cause });
  }
}
