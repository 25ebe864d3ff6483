import { SafetensorsReadError } from "./errors.js";

/**
 * Source of bytes. Files, blobs, buffers and URLs are opened as one; pass a custom one to `openSafetensors` to read
 * from anything else, or to count reads.
 */
export interface ByteSource {
  /** Name for errors. */
  readonly name?: string;
  /** Path of a local file, if it is one: tensor views then have a `location`. */
  readonly path?: string;
  /** Length in bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`, into fresh memory. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Releases resources. */
  close?(): Promise<void>;
}

/** A source that is open until it is closed. */
export interface OpenByteSource extends ByteSource {
  readonly name: string;
  close(): Promise<void>;
}

/** Maximum bytes of one read: the largest `ArrayBuffer` that every current engine can allocate. */
export const MAX_BUFFER_BYTES = 2 ** 32;

/** Wraps bytes in memory. A read copies, so that nobody writes into the caller's buffer. */
export function memorySource(buffer: ArrayBuffer | Uint8Array, name = "buffer"): ByteSource {
  const bytes = bytesOf(buffer);
  return { name, size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) };
}

/** Returns the same memory as a plain `Uint8Array`. (A Node `Buffer` is one too, but its `slice` does not copy.) */
export function bytesOf(memory: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(memory)) return new Uint8Array(memory);
  return new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
}

/** Whether `value` is memory, also of another realm, where `instanceof` fails. */
export function isMemory(value: unknown): value is ArrayBuffer | Uint8Array {
  return ArrayBuffer.isView(value) || Object.prototype.toString.call(value) === "[object ArrayBuffer]";
}

/** Wraps a `Blob` or `File`: a read loads only its slice. */
export function blobSource(
  blob: Blob,
  name = "name" in blob && typeof blob.name === "string" ? blob.name : "blob",
): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        // A File whose file changed or was deleted since the user chose it.
        throw new SafetensorsReadError({ where: name, expected: "a readable blob", got: String(cause), cause });
      }
    },
  };
}
