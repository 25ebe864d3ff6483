/** Folders for checkpoints that are made of others. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { InputError, plural, tokenizerFiles } from "@mixtape/command-line";

/** Leftovers of a killed save, which the next one deletes. */
const LEFT_BEHIND = /^\.(save\.lock|.+\.tmp)$/;

/** @throws {InputError} unless the folder is new or empty */
export function checkOutput(output: string): void {
  if (!existsSync(output)) return;
  const expected = "a new or empty folder for the checkpoint";
  if (!statSync(output).isDirectory()) throw new InputError({ where: output, expected, got: "a file" });
  const there = readdirSync(output).filter((name) => !LEFT_BEHIND.test(name));
  if (there.length > 0)
    throw new InputError({
      where: output,
      expected,
      got: `a folder with ${plural(there.length, "file")} in it`,
      fix: "Choose another folder for --output: nothing is overwritten",
    });
}

/** Licenses are copied with the weights. */
const LICENSES = /^(licen[cs]e|notice|use_policy)([._-].*)?$/i;

/**
 * Returns the files to save with the weights: tokenizer and licenses.
 * @param tokenizer folder of the tokenizer. Default: the model's.
 */
export async function sideFiles(model: string, tokenizer = model): Promise<Record<string, Uint8Array>> {
  // The licence of a GGUF file is beside it, among those of other models.
  const names = statSync(model).isDirectory() ? readdirSync(model) : [];
  const licenses = names.filter((name) => LICENSES.test(name) && statSync(join(model, name)).isFile());
  return {
    ...(await tokenizerFiles(tokenizer)),
    ...Object.fromEntries(licenses.map((name) => [name, readFileSync(join(model, name))])),
  };
}

/** Lists the files of a checkpoint that was saved, by their paths in the folder. */
export function savedFiles(output: string): { readonly files: readonly string[]; readonly totalBytes: number } {
  const files = readdirSync(output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(output, join(entry.parentPath, entry.name)))
    .sort();
  return { files, totalBytes: files.reduce((sum, file) => sum + statSync(join(output, file)).size, 0) };
}
