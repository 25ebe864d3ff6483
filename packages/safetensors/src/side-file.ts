import { checkOptions } from "@mixtape/errors";
import { SafetensorsNotFoundError, SafetensorsReadError } from "./errors.js";
import { FETCH_OPTIONS, type FetchOptions } from "./fetch-options.js";
import { type CheckpointSource, folderOf } from "./folder.js";
import { GuardedSource } from "./guarded-source.js";

/** Far above any config or tokenizer, and low enough to read whole. */
const MAX_SIDE_FILE_BYTES = 256 * 2 ** 20;

/**
 * Reads a small file beside the tensors, such as `config.json`; undefined if there is none of that name. A save that
 * was killed between its commit and its last step is finished first, so that the file belongs to the tensors.
 * @throws OptionError for an unknown option
 * @throws SafetensorsReadError if it exists but cannot be read, or is over 256 MiB.
 */
export async function readSideFile(
  source: CheckpointSource,
  name: string,
  options: FetchOptions = {},
): Promise<Uint8Array | undefined> {
  checkOptions("readSideFile", options, FETCH_OPTIONS);
  const found = await lookForSideFile(source, name, options);
  return found instanceof SafetensorsNotFoundError ? undefined : found;
}

/** Reads like {@link readSideFile}, but returns the reason if there is no file: a server may have refused it. */
export async function lookForSideFile(
  source: CheckpointSource,
  name: string,
  options: FetchOptions = {},
  maxBytes = MAX_SIDE_FILE_BYTES,
): Promise<Uint8Array | SafetensorsNotFoundError> {
  const folder = await folderOf(source, options);
  let file: GuardedSource;
  try {
    file = new GuardedSource(await folder.open(name, maxBytes));
  } catch (error) {
    if (error instanceof SafetensorsNotFoundError) return error;
    throw error;
  }
  try {
    if (file.size > maxBytes) {
      throw new SafetensorsReadError({
        where: folder.nameOf(name),
        expected: `at most ${maxBytes} bytes`,
        got: `${file.size}`,
      });
    }
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
