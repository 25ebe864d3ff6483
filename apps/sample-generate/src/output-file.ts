import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { InputError } from "@mixtape/command-line";

/** Files that an output file must not replace. */
export interface OutputFileOptions {
  /** The flag that names the file. */
  readonly flag: string;
  /** The model's folder or file. */
  readonly model: string;
  /** The input file, and its flag. */
  readonly input?: { readonly flag: string; readonly path: string };
}

/**
 * Checks that a file can be written, and replaces at most an earlier output.
 * @throws {InputError} before anything is computed
 */
export function checkOutputFile(path: string, { flag, model, input }: OutputFileOptions): void {
  const folder = dirname(resolve(path));
  if (!existsSync(folder))
    throw new InputError({ where: path, expected: `a folder ${folder} to write to`, got: "nothing of this name" });
  if (!existsSync(path)) return;
  const refuse = (got: string): InputError =>
    new InputError({ where: path, expected: `a new file, or one that may be replaced, as ${flag}`, got });
  const stat = statSync(path);
  if (stat.isDirectory()) throw refuse("a folder");
  if (!stat.isFile()) throw refuse("no regular file");
  const real = realpathSync(path);
  if (input && real === realpathSync(input.path)) throw refuse(`the file of ${input.flag}`);
  if (real === realpathSync(model)) throw refuse("the file of the model");
  // The files of a download are often links to another folder, so the location of the link is checked as well.
  const within = realpathSync(model) + sep;
  if (real.startsWith(within) || (realpathSync(folder) + sep).startsWith(within)) throw refuse("a file of the model");
}
