/// <reference lib="esnext.disposable" preserve="true" />
import { type ByteSource, MAX_BUFFER_BYTES, memorySource } from "./byte-source.js";
import { bytesPerElement, type Dtype } from "./dtype.js";
import { SafetensorsError, SafetensorsReadError } from "./errors.js";
import type { QuantizedTensor } from "./quantized-view.js";

/** A tensor that has not been read yet. */
export interface TensorView {
  /** Name in the file; a part of a tensor is named `name[2]` or `name[0:4]`. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Location of the bytes in a local file, for memory-mapping. Absent for blobs, buffers and URLs. */
  readonly location?: { readonly path: string; readonly offset: number; readonly length: number };
  /** Storage of quantised values, which `read` decodes. Absent for values that are stored as `dtype`. */
  readonly quantized?: QuantizedTensor;
  /** Dtype in which a model saves the values. Default: `dtype`. */
  readonly savedAs?: Dtype;
  /**
   * Reads the bytes, little endian, row-major. Each call reads again, into memory that the caller owns.
   * @throws SafetensorsReadError for more than 4 GiB (read slices), after `close`, or if the source fails.
   */
  read(): Promise<Uint8Array>;
  /**
   * Returns a view of the rows `[start, end)` along the first axis; reads nothing.
   * @throws SafetensorsError for a scalar, unless `0 <= start <= end <= shape[0]`, and for rows of packed elements that do
   *   not fill a byte.
   */
  slice(start: number, end: number): TensorView;
  /**
   * Returns a view at `index` of the first axis, with that axis removed (e.g. expert `index` of a stack); reads
   * nothing.
   * @throws SafetensorsError for a scalar, or unless `0 <= index < shape[0]`.
   */
  at(index: number): TensorView;
}

/** A set of named tensors: one file, or a sharded checkpoint. */
export interface TensorSource extends AsyncDisposable {
  /** Names of the tensors, in file order. */
  readonly names: readonly string[];
  /** Text map of the header. For several shards: the entries on which all of them agree. */
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  /** @throws SafetensorsError if there is no such tensor. */
  tensor(name: string): TensorView;
  /** Closes the files. Views can no longer be read. */
  close(): Promise<void>;
}

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
