import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ByteSource } from "../src/byte-source.js";
import type { TensorToWrite } from "../src/layout.js";
import type { TensorSource } from "../src/tensor-view.js";

/** The path of a fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`__fixtures__/${name}`, import.meta.url));
}

/** An empty folder that goes when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "safetensors-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file with this header and as many zero bytes of data. */
export function fileOf(header: unknown, dataBytes = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A float32 tensor. */
export function float32(name: string, shape: readonly number[], values: readonly number[]): TensorToWrite {
  return { name, dtype: "F32", shape, bytes: new Uint8Array(new Float32Array(values).buffer) };
}

/** A source that counts how often each of its bytes is read. */
export function countingSource(bytes: Uint8Array): ByteSource & { readonly reads: Uint8Array; closed: boolean } {
  const reads = new Uint8Array(bytes.length);
  return {
    name: "counted",
    size: bytes.length,
    reads,
    closed: false,
    async read(offset, length) {
      for (let i = offset; i < offset + length; i++) reads[i]!++;
      return bytes.slice(offset, offset + length);
    },
    async close() {
      this.closed = true;
    },
  };
}

/** Closes a source when the test is over. */
export function closing<T extends TensorSource>(source: T): T {
  onTestFinished(() => source.close());
  return source;
}

/** What a promise throws. Fails if it does not. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection, got none");
}
