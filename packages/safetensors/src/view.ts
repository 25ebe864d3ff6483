import { type ByteSource, MAX_BUFFER_BYTES, memorySource } from "./byte-source.js";
import { bytesPerElement, type Dtype } from "./dtype.js";
import { SafetensorsError, SafetensorsReadError } from "./errors.js";
import type { TensorView } from "./tensor-view.js";

/** A contiguous range of a byte source, with a dtype and a shape. */
class SourceView implements TensorView {
  readonly byteLength: number;
  readonly #source: ByteSource;
  readonly #offset: number;

  constructor(
    readonly name: string,
    readonly dtype: Dtype,
    readonly shape: readonly number[],
    source: ByteSource,
    offset: number,
  ) {
    this.byteLength = elements(shape) * bytesPerElement(dtype);
    this.#source = source;
    this.#offset = offset;
  }

  get location(): TensorView["location"] {
    const { path } = this.#source;
    return path === undefined ? undefined : { path, offset: this.#offset, length: this.byteLength };
  }

  async read(): Promise<Uint8Array> {
    if (this.byteLength > MAX_BUFFER_BYTES) {
      throw new SafetensorsReadError({
        where: this.name,
        expected: `at most ${MAX_BUFFER_BYTES} bytes in one read`,
        got: `${this.byteLength}`,
        fix: "Read it in parts: slice(start, end)",
      });
    }
    if (this.byteLength === 0) return new Uint8Array(0);
    const bytes = await this.#source.read(this.#offset, this.byteLength);
    if (bytes.length !== this.byteLength) {
      throw new SafetensorsReadError({
        where: `${this.#source.name ?? "source"}: ${this.name}`,
        expected: `${this.byteLength} bytes`,
        got: `${bytes.length}`,
      });
    }
    return bytes;
  }

  slice(start: number, end: number): TensorView {
    const rows = this.#rows("slice");
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > rows) {
      throw new SafetensorsError({
        where: `${this.name}.slice`,
        expected: `0 <= start <= end <= ${rows}`,
        got: `[${start}, ${end})`,
      });
    }
    return this.#part(`[${start}:${end}]`, [end - start, ...this.shape.slice(1)], start);
  }

  at(index: number): TensorView {
    const rows = this.#rows("at");
    if (!Number.isInteger(index) || index < 0 || index >= rows) {
      throw new SafetensorsError({ where: `${this.name}.at`, expected: `0 <= index < ${rows}`, got: `${index}` });
    }
    return this.#part(`[${index}]`, this.shape.slice(1), index);
  }

  #rows(method: string): number {
    const rows = this.shape[0];
    if (rows !== undefined) return rows;
    throw new SafetensorsError({ where: `${this.name}.${method}`, expected: "at least one axis", got: "a scalar" });
  }

  #part(suffix: string, shape: readonly number[], row: number): TensorView {
    const rowBytes = elements(this.shape.slice(1)) * bytesPerElement(this.dtype);
    if (!Number.isInteger(rowBytes)) {
      throw new SafetensorsError({
        where: this.name + suffix,
        expected: "rows of whole bytes",
        got: `rows of ${rowBytes} bytes: ${this.dtype} [${this.shape.join(", ")}]`,
        fix: "Read the whole tensor",
      });
    }
    return new SourceView(this.name + suffix, this.dtype, shape, this.#source, this.#offset + row * rowBytes);
  }
}

/** Returns a view of the tensor at `offset` of `source`. The caller has checked that it is within bounds. */
export function viewOf(
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  source: ByteSource,
  offset: number,
): TensorView {
  return new SourceView(name, dtype, Object.freeze([...shape]), source, offset);
}

/**
 * Wraps a tensor in memory as a view.
 * @param bytes little endian, row-major; a read copies them
 * @throws SafetensorsError if the length of `bytes` does not match dtype and shape.
 */
export function viewOfBytes(name: string, dtype: Dtype, shape: readonly number[], bytes: Uint8Array): TensorView {
  const expected = elements(shape) * bytesPerElement(dtype);
  if (bytes.length !== expected) {
    throw new SafetensorsError({
      where: name,
      expected: `${expected} bytes for ${dtype} [${shape.join(", ")}]`,
      got: `${bytes.length}`,
    });
  }
  return viewOf(name, dtype, shape, memorySource(bytes, name), 0);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
