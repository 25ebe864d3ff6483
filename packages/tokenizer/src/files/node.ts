import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The names of the files in a folder. */
export function listFolder(folder: string | URL): Promise<string[]> {
  return readdir(folder);
}

/** Whether there is a folder at a path. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/** The path of a folder. */
export function folderPath(folder: string | URL): string {
  return typeof folder === "string" ? folder : fileURLToPath(folder);
}

/** One file of a folder, as text. Pipes and devices are refused, which may have no end, and files above a size. */
export async function readText(folder: string | URL, name: string, maxBytes: number): Promise<string> {
  const path = join(folderPath(folder), name);
  // Without O_NONBLOCK, a pipe that nobody writes to would be waited for.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("a folder, a pipe or a device in the place of a file");
    if (stats.size > maxBytes) throw new Error(`${stats.size} bytes, above the limit of ${maxBytes}`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
