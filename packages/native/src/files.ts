import { statSync } from "node:fs";
import type { NativeFile } from "./addon/handles.js";
import { addon } from "./addon.js";

/**
 * Mapped files, one mapping per file for all of its tensors. A file that was replaced since (checkpoints are renamed into place)
 * is another file. Weights keep their mapping alive; these references are weak.
 */
export class Files {
  readonly #open = new Map<string, WeakRef<NativeFile>>();

  /** @throws {NativeError} if the file cannot be mapped. */
  open(path: string): NativeFile {
    const { dev, ino, size, mtimeMs } = statSync(path);
    const key = `${dev}:${ino}:${size}:${mtimeMs}`;
    const known = this.#open.get(key)?.deref();
    if (known) return known;
    const file = addon().openFile(path);
    this.#open.set(key, new WeakRef(file));
    return file;
  }
}
