/** Reads files of training texts as token ids and labels. */

import { createHash } from "node:crypto";
import { constants, type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { InputError } from "@mixtape/command-line";
import { type Dataset, type DataTokenizer, type ReadDatasetOptions, readDataset } from "@mixtape/training";

/** Texts of a file. */
export interface DataFile extends Dataset {
  /** Digest of the file, to detect changes. */
  readonly sha256: string;
}

/**
 * Reads a `.txt` file, which is one text, a `.jsonl` file, which has a row on each line, or a `.json` file, which has a list of
 * rows; see `prepareExample` of `@mixtape/training`.
 * @param options keys of rows to ignore, and the chat template
 * @throws {InputError} if the file does not exist
 * @throws {DataError} naming an invalid line, and for a file without any loss
 */
export async function readData(
  path: string,
  tokenizer: DataTokenizer,
  options: Omit<ReadDatasetOptions, "name"> = {},
): Promise<DataFile> {
  if (typeof path !== "string")
    throw new InputError({ where: "readData", expected: "the path of a file", got: typeof path });
  if (basename(path) === "-")
    throw new InputError({
      where: path,
      expected: "a file of texts",
      got: "-, which is standard input for other programs",
      fix: "Save the texts to a file first: its extension determines the format, and a resumed run reads it again",
    });
  return withDigest(path, (bytes) => readDataset(bytes, tokenizer, { ...options, name: path }));
}

/** Reads a file with `read`, and computes the digest of its bytes. @throws {InputError} if the file does not exist */
export async function withDigest<T extends object>(
  path: string,
  read: (bytes: AsyncGenerator<Uint8Array>) => Promise<T>,
): Promise<T & { readonly sha256: string }> {
  const file = await openFile(path);
  const hash = createHash("sha256");
  try {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 2 ** 20 })) {
        hash.update(chunk as Uint8Array);
        yield chunk as Uint8Array;
      }
    }
    const dataset = await read(bytes());
    return { ...dataset, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}

/** Opens a regular file only: reading a pipe or a device may never end. */
async function openFile(path: string): Promise<FileHandle> {
  const wrong = (got: string, cause?: unknown): InputError =>
    new InputError({ where: path, expected: "a file of texts", got, cause });
  let file: FileHandle;
  try {
    // Without it, opening a pipe waits for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw wrong({ ENOENT: "no such file", EISDIR: "a folder" }[code ?? ""] ?? message, cause);
  }
  const found = await file.stat();
  if (found.isFile()) return file;
  await file.close();
  throw wrong(found.isDirectory() ? "a folder" : found.isFIFO() ? "a pipe" : "a device");
}
