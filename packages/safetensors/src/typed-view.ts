import { bytesOf, MAX_BUFFER_BYTES } from "./byte-source.js";
import { bytesPerElement, type Dtype } from "./dtype.js";
import { SafetensorsError } from "./errors.js";

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Returns the number of elements in `bytes`.
 * @throws SafetensorsError for an incomplete element, more float32 values than fit a buffer, or a big-endian machine.
 */
export function countElements(bytes: Uint8Array, dtype: Dtype): number {
  const size = bytesPerElement(dtype);
  const count = bytes.length / size;
  if (!Number.isInteger(count)) {
    throw new SafetensorsError({
      where: `${dtype} bytes`,
      expected: `a multiple of ${size < 1 ? size * 4 : size}`,
      got: `${bytes.length}`,
    });
  }
  if (count * 4 > MAX_BUFFER_BYTES) {
    throw new SafetensorsError({
      where: `${dtype} bytes`,
      expected: `at most ${MAX_BUFFER_BYTES / 4} elements, 4 GiB as float32`,
      got: `${count}`,
      fix: "Convert it in parts: TensorView.slice(start, end)",
    });
  }
  requireLittleEndian();
  return count;
}

/** @throws SafetensorsError if typed arrays do not have the byte order of the file format. */
export function requireLittleEndian(): void {
  if (isLittleEndian) return;
  throw new SafetensorsError({ where: "this machine", expected: "little-endian memory", got: "big-endian memory" });
}

interface TypedArrayConstructor<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** Returns `bytes` as elements of another type: the same memory if it is aligned for them, else a copy. */
export function viewAs<T>(Type: TypedArrayConstructor<T>, bytes: Uint8Array): T {
  const size = Type.BYTES_PER_ELEMENT;
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : bytesOf(bytes).slice();
  return new Type(buffer, byteOffset, bytes.length / size);
}
