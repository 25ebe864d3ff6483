import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The names of the files in a folder. */
export function listFolder(folder: string | URL): Promise<string[]> {
  return readdir(folder);
}

/** One file of a folder, as text. */
export function readText(folder: string | URL, name: string): Promise<string> {
  return readFile(join(typeof folder === "string" ? folder : fileURLToPath(folder), name), "utf8");
}
