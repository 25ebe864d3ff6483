import { statSync } from "node:fs";
import { addon, type NativeFile } from "./addon.js";

/**
 * Mapped files, one mapping per file however many tensors lie in it. A file that was replaced since (checkpoints are renamed
 * into place) is another file. Weights keep their mapping alive; this only finds it again, so it holds it weakly.
 */
export class Files {
  readonly #open = new Map<string, WeakRef<NativeFile>>();

  /** @throws {NativeError} where the file cannot be mapped. */
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
