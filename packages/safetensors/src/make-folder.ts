import { makeFolder as make } from "#files";

/**
 * Creates a folder and its missing parents (Node only). Unlike Node's recursive `mkdir`, it returns on file systems
 * that answer ENOENT to it, such as /proc.
 *
 * @returns the outermost folder that it created, or undefined
 * @throws {SafetensorsWriteError} that names the folder that cannot be created
 */
export function makeFolder(folder: string): Promise<string | undefined> {
  return make(folder);
}
