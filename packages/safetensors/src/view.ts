/// <reference lib="esnext.disposable" preserve="true" />
import { type ByteSource, MAX_BUFFER_BYTES, memorySource } from "./byte-source.js";
import { bytesPerElement, type Dtype } from "./dtype.js";
import { SafetensorsError, SafetensorsReadError } from "./errors.js";

/** A tensor that has not been read. */
export interface TensorView {
  /** Its name in the file; a part of a tensor is called `name[2]` or `name[0:4]`. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Where the bytes lie in a local file, for an engine that maps files. Absent for blobs, buffers and URLs. */
  readonly location?: { readonly path: string; readonly offset: number; readonly length: number };
  /**
   * Reads the bytes, little endian, row-major. Each call reads anew, into memory that is the caller's.
   * @throws SafetensorsReadError for more than 4 GiB (read slices), after `close`, or when the source fails.
   */
  read(): Promise<Uint8Array>;
  /**
   * Rows `[start, end)` along the first axis; nothing is read.
   * @throws SafetensorsError for a scalar, or unless `0 <= start <= end <= shape[0]`.
   */
  slice(start: number, end: number): TensorView;
  /**
   * Index `index` of the first axis, that axis dropped (e.g. expert `index` of a stack); nothing is read.
   * @throws SafetensorsError for a scalar, or unless `0 <= index < shape[0]`.
   */
  at(index: number): TensorView;
}

/** A set of named tensors: one file, or a sharded checkpoint. */
export interface TensorSource extends AsyncDisposable {
  /** The tensors, in the order in which they lie in the file or files. */
  readonly names: readonly string[];
  /** The free-form text map of the header. Of several shards: the entries on which all of them agree. */
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  /** @throws SafetensorsError when there is no such tensor. */
  tensor(name: string): TensorView;
  /** Closes the files. Views can no longer be read. */
  close(): Promise<void>;
}

/** A contiguous run of a byte source, with a dtype and a shape. */
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
    return new SourceView(this.name + suffix, this.dtype, shape, this.#source, this.#offset + row * rowBytes);
  }
}

/** A view of the tensor that begins at `offset` of `source`. The caller has checked that it lies within. */
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
 * A view of a tensor in memory, for code that takes views.
 * @param bytes little endian, row-major; a read copies them
 * @throws SafetensorsError unless `bytes` is as long as dtype and shape say.
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
