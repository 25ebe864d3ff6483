import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The names of the files in a folder. */
export function listFolder(folder: string | URL): Promise<string[]> {
  return readdir(folder);
}

/** The path of a folder. */
export function folderPath(folder: string | URL): string {
  return typeof folder === "string" ? folder : fileURLToPath(folder);
}

/** One file of a folder, as text. */
export function readText(folder: string | URL, name: string): Promise<string> {
  return readFile(join(folderPath(folder), name), "utf8");
}
