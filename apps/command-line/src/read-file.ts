import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { InputError } from "./failure.js";
import { bytes } from "./format.js";

/** Maximum length of a JavaScript string. */
const MAX_TEXT = 2 ** 29 - 24;
/** Far above any JSON file or setting that is read whole. */
export const MAX_SMALL = 256 * 2 ** 20;

/** Options of {@link readInput}. */
export interface ReadFileOptions {
  /** Description of the expected file, for errors: `a file of texts`. */
  readonly expected: string;
  /** Whether it may be as long as a string can be, as for files of training texts. */
  readonly large?: boolean;
}

/**
 * Reads a whole input file. Refuses pipes and devices: opening one, or reading to its end, may never return.
 * @throws {InputError}
 */
export function readInput(path: string, { expected, large = false }: ReadFileOptions): Buffer {
  const limit = large ? MAX_TEXT : MAX_SMALL;
  const refuse = (got: string, cause?: unknown): InputError => new InputError({ where: path, expected, got, cause });
  let file: number;
  try {
    // Does not wait for the writer of a pipe. Windows has neither the flag nor such pipes.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw refuse({ ENOENT: "no such file", EISDIR: "a folder", ENXIO: "a socket" }[code ?? ""] ?? message, cause);
  }
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw refuse("a folder");
    if (!stats.isFile()) throw refuse("a pipe or a device");
    if (stats.size > limit) throw refuse(`${bytes(stats.size)}, more than ${bytes(limit)}`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
