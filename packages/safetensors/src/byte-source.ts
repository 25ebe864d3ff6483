import { SafetensorsReadError } from "./errors.js";

/**
 * Where bytes come from. Files, blobs, buffers and URLs are opened as one; pass your own to `openSafetensors` to read from
 * anything else, or to count what is read.
 */
export interface ByteSource {
  /** What to call it in an error. */
  readonly name?: string;
  /** The path of a local file, where it is one: tensor views then say where their bytes lie. */
  readonly path?: string;
  /** Its length in bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes from `offset` on, into fresh memory. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Frees what the source holds. */
  close?(): Promise<void>;
}

/** The most bytes that one read returns: the largest `ArrayBuffer` that every engine of today makes. */
export const MAX_BUFFER_BYTES = 2 ** 32;

/** Bytes already in memory. A read copies, so that nobody writes into the caller's buffer. */
export function memorySource(buffer: ArrayBuffer | Uint8Array, name = "buffer"): ByteSource {
  const bytes = bytesOf(buffer);
  return { name, size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) };
}

/** The same memory as a plain `Uint8Array`. (A Node `Buffer` is one too, but its `slice` does not copy.) */
export function bytesOf(memory: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(memory)) return new Uint8Array(memory);
  return new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
}

/** Whether `value` is memory, also that of another realm: `instanceof` says no to it. */
export function isMemory(value: unknown): value is ArrayBuffer | Uint8Array {
  return ArrayBuffer.isView(value) || Object.prototype.toString.call(value) === "[object ArrayBuffer]";
}

/** A `Blob` or a `File`: a read takes only its slice. */
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
        // A File whose file changed or vanished since the user chose it.
        throw new SafetensorsReadError({ where: name, expected: "a readable blob", got: String(cause), cause });
      }
    },
  };
}
