/** Reads a file line by line as it arrives: the size of a file is not limited, that of a line is. */

import { DataError } from "../errors.js";

/** A line without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** Bytes of a file in chunks: a stream of Node, of a `Blob`, or of a response. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Maximum bytes of a line: tens of millions of tokens. */
const MAX_LINE = 2 ** 26;
/** Maximum bytes of a file that is read as a whole: JavaScript's strings end at 512 MiB. */
const MAX_FILE = 2 ** 28;

const NEWLINE = 0x0a;

/**
 * Reads the lines of a file that are not blank, without a byte order mark at its beginning and carriage returns before
 * line ends.
 * @throws {DataError} naming a line that is longer than 64 MiB, or not UTF-8
 */
export async function* readLines(source: ByteSource, file: string): AsyncGenerator<Line> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let size = 0;
  const add = (bytes: Uint8Array): void => {
    size += bytes.length;
    if (size > MAX_LINE) throw tooLong(`${file}: line ${number}`, MAX_LINE);
    // The source may reuse its buffer.
    parts.push(bytes.slice());
  };
  const take = (): Line | undefined => {
    const text = decodeUtf8(joined(parts, size), `${file}: line ${number}`, number === 1).replace(/\r$/, "");
    parts = [];
    size = 0;
    return text.trim() === "" ? undefined : { number, text };
  };
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, at));
      const line = take();
      if (line) yield line;
      number++;
      from = at + 1;
    }
    add(chunk.subarray(from));
  }
  const last = take();
  if (last) yield last;
}

/**
 * Reads a whole file as text.
 * @throws {DataError} if it is larger than 256 MiB, or not UTF-8
 */
export async function readText(source: ByteSource, file: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > MAX_FILE) throw tooLong(file, MAX_FILE);
    parts.push(chunk.slice());
  }
  return decodeUtf8(joined(parts, size), file, true);
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function decodeUtf8(bytes: Uint8Array, where: string, isStart: boolean): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: !isStart }).decode(bytes);
  } catch (cause) {
    throw new DataError({
      where,
      expected: "text in UTF-8",
      got: "other bytes",
      fix: "Save the file in UTF-8",
      cause,
    });
  }
}

function tooLong(where: string, most: number): DataError {
  return new DataError({
    where,
    expected: `at most ${most / 2 ** 20} MiB`,
    got: "more",
    fix: "Split it: a .jsonl file has one text on each line, and any number of lines",
  });
}
