import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Files } from "../shapes/shape.js";

const CHUNK = 2 ** 24;

/** Reads the files of a runner, so that the system caches them, as far as there is room. */
export async function warmUp({ folder, gguf }: Files, reads: keyof Files): Promise<void> {
  const paths = reads === "gguf" ? [gguf!] : (await readdir(folder)).map((name) => join(folder, name));
  const buffer = Buffer.alloc(CHUNK);
  for (const path of paths) {
    await using file = await open(path);
    while ((await file.read(buffer)).bytesRead > 0);
  }
}
