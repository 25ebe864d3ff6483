import { checkOptions } from "@mixtape/errors";
import { SafetensorsReadError } from "./errors.js";
import { type CheckpointSource, folderOf, unlessMissing } from "./folder.js";
import { GuardedSource } from "./guarded-source.js";
import { FETCH_OPTIONS, type FetchOptions } from "./http-source.js";

/** Far above any config or tokenizer, and low enough to be read whole. */
const MAX_SIDE_FILE_BYTES = 256 * 2 ** 20;

/**
 * A small file beside the tensors, such as `config.json`, or undefined where there is none of that name. A save that was
 * killed between its commit and its last step is finished first, so that the file belongs to the tensors.
 * @throws OptionError for an option that it does not know
 * @throws SafetensorsReadError where it is there but cannot be read, or is over 256 MiB.
 */
export async function readSideFile(
  source: CheckpointSource,
  name: string,
  options: FetchOptions = {},
): Promise<Uint8Array | undefined> {
  checkOptions("readSideFile", options, FETCH_OPTIONS);
  const folder = await folderOf(source, options);
  const opened = await unlessMissing(folder.open(name, MAX_SIDE_FILE_BYTES));
  if (!opened) return undefined;
  const file = new GuardedSource(opened);
  try {
    if (file.size > MAX_SIDE_FILE_BYTES) {
      throw new SafetensorsReadError({
        where: folder.nameOf(name),
        expected: `at most ${MAX_SIDE_FILE_BYTES} bytes`,
        got: `${file.size}`,
      });
    }
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
