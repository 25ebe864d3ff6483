import type { ByteSource, OpenByteSource } from "./byte-source.js";
import { SafetensorsReadError } from "./errors.js";

/** A byte source with checks: it returns the requested bytes or throws a typed error, also after it was closed. */
export class GuardedSource implements OpenByteSource {
  readonly #source: ByteSource;
  #closed = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get name(): string {
    return this.#source.name ?? "source";
  }

  get path(): string | undefined {
    return this.#source.path;
  }

  get size(): number {
    return this.#source.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#closed) {
      throw new SafetensorsReadError({
        where: this.name,
        expected: "an open source",
        got: "a closed one",
        fix: "Close it after the last read",
      });
    }
    const bytes = await this.#source.read(offset, length);
    if (bytes.length !== length) {
      throw new SafetensorsReadError({
        where: this.name,
        expected: `${length} bytes at ${offset}`,
        got: `${bytes.length}`,
        fix: "It changed while it was being read",
      });
    }
    return bytes;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#source.close?.();
  }
}
