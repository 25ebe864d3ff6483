import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Lists the names of the files in a folder. */
export function listFolder(folder: string | URL): Promise<string[]> {
  return readdir(folder);
}

/** Whether a folder exists at a path. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/** Returns the path of a folder. */
export function folderPath(folder: string | URL): string {
  return typeof folder === "string" ? folder : fileURLToPath(folder);
}

/** Reads one file of a folder, as text. Refuses pipes and devices, which may be endless, and files above a size. */
export async function readText(folder: string | URL, name: string, maxBytes: number): Promise<string> {
  const path = join(folderPath(folder), name);
  // Without O_NONBLOCK, opening a pipe without a writer would block.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("a folder, a pipe or a device instead of a file");
    if (stats.size > maxBytes) throw new Error(`${stats.size} bytes, above the limit of ${maxBytes}`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
