import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { InputError } from "./failure.js";
import { bytes } from "./format.js";

/** Longer files become no text in JavaScript. */
const MAX_TEXT = 2 ** 29 - 24;
/** What is read whole as JSON or a setting is far below this. */
export const MAX_SMALL = 256 * 2 ** 20;

/** How a file is read. */
export interface ReadFileOptions {
  /** What the file should be, for errors: `a file of texts`. */
  readonly expected: string;
  /** Whether it may be as long as a text can be: files of texts to learn are. */
  readonly large?: boolean;
}

/**
 * Reads a whole file that was named on the command line or lies in a folder. Pipes and devices are refused: opening one, or reading to its
 * end, may never return.
 * @throws {InputError}
 */
export function readInput(path: string, { expected, large = false }: ReadFileOptions): Buffer {
  const limit = large ? MAX_TEXT : MAX_SMALL;
  const refuse = (got: string, cause?: unknown): InputError => new InputError({ where: path, expected, got, cause });
  let file: number;
  try {
    // Without waiting for whoever writes to a pipe. Windows has neither the flag nor such pipes.
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
