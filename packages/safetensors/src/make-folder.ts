import { makeFolder as make } from "#files";

/**
 * Makes a folder, and those that it is in, where they do not exist (Node only). Unlike Node's recursive `mkdir`, it returns on
 * file systems that answer ENOENT to it, as /proc does.
 *
 * @returns the outermost folder that it made, or undefined
 * @throws {SafetensorsWriteError} that names the folder that cannot be made
 */
export function makeFolder(folder: string): Promise<string | undefined> {
  return make(folder);
}
