import { checkOptions } from "@mixtape/errors";
import { splitPath, syncFolder, toPath } from "#files";
import { MAX_BUFFER_BYTES } from "./byte-source.js";
import { SafetensorsError } from "./errors.js";
import { chunksOf, layOut, type TensorToWrite } from "./layout.js";
import { beginSave, discard, endSave, listTemporaries, place, stage } from "./staging.js";

/**
 * Creates a safetensors file in memory, byte-equal to the official library's for the same tensors.
 * @param metadata free-form text for the header
 * @throws SafetensorsError for tensors that the format cannot hold, or more than 4 GiB
 */
export async function encodeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const layout = layOut(tensors, metadata);
  if (layout.totalBytes > MAX_BUFFER_BYTES) {
    throw new SafetensorsError({
      where: "encodeSafetensors",
      expected: `at most ${MAX_BUFFER_BYTES} bytes`,
      got: `${layout.totalBytes}`,
      fix: "Write to a file with writeSafetensors or writeCheckpoint",
    });
  }
  const file = new Uint8Array(layout.totalBytes);
  let position = 0;
  for await (const chunk of chunksOf(layout)) {
    file.set(chunk, position);
    position += chunk.length;
  }
  return file;
}

/**
 * Writes a safetensors file with one tensor in memory at a time (Node only). Atomic: a process that dies leaves the
 * previous contents of `path`, and the next write to the same path deletes its incomplete temporary file.
 * @param path target path; its folder must exist
 * @throws OptionError for an unknown option
 * @throws SafetensorsError for tensors that the format cannot hold
 * @throws SafetensorsWriteError if the system refuses
 */
export async function writeSafetensors(
  path: string | URL,
  tensors: Iterable<TensorToWrite>,
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  checkOptions("writeSafetensors", options, { metadata: true });
  const { metadata } = options;
  const layout = layOut(tensors, metadata);
  const target = toPath(path);
  const { folder, name } = splitPath(target);
  for (const left of await listTemporaries(folder)) {
    if (left.name === name && !left.live) await discard(folder, left);
  }
  const save = beginSave();
  try {
    await stage(folder, name, save, chunksOf(layout));
    await place(folder, name, save);
    await syncFolder(folder);
  } catch (error) {
    // Its own failure would hide the reason: a read-only disk refuses both.
    await discard(folder, { name, save }).catch(() => {});
    throw error;
  } finally {
    endSave(save);
  }
}
