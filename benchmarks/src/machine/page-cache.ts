import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const CHUNK = 2 ** 24;

/** Reads a file, or the files of a folder, so that the system caches them, as far as there is room. */
export async function warmUp(model: string): Promise<void> {
  const isFolder = (await stat(model)).isDirectory();
  const paths = isFolder ? (await readdir(model)).map((name) => join(model, name)) : [model];
  const buffer = Buffer.alloc(CHUNK);
  for (const path of paths) {
    await using file = await open(path);
    while ((await file.read(buffer)).bytesRead > 0);
  }
}
