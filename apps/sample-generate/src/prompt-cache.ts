/** `--prompt-cache FILE`: keeps the cache of a text between runs. */

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "@mixtape/command-line";
import { type Cache, type CacheOptions, type ForCausalLM, loadCache } from "@mixtape/mixtape";

/**
 * Checks the file before anything is loaded, so that the result can be saved.
 * @throws {UsageError}
 */
export function checkPromptCache(file: string | undefined): void {
  if (file === undefined) return;
  const folder = dirname(file);
  if (!existsSync(folder)) throw new UsageError(`--prompt-cache: there is no folder ${folder}`);
  if (existsSync(file) && !statSync(file).isFile()) throw new UsageError(`--prompt-cache: ${file} is not a file`);
  try {
    // The file is replaced as a whole: the folder must be writable.
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--prompt-cache: ${folder} is not writable (${(error as NodeJS.ErrnoException).code})`);
  }
}

/**
 * Returns the cache in the file, or an empty one if there is no file yet.
 * @param kvCacheDtype absent for that of the file, or the engine's choice
 */
export async function openPromptCache(
  model: ForCausalLM,
  file: string,
  kvCacheDtype: CacheOptions["kvCacheDtype"],
): Promise<Cache> {
  const options: CacheOptions = kvCacheDtype === undefined ? {} : { kvCacheDtype };
  return existsSync(file) ? loadCache(model, file, options) : model.createCache(options);
}
