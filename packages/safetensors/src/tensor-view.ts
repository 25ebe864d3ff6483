/// <reference lib="esnext.disposable" preserve="true" />
import type { Dtype } from "./dtype.js";

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
  /** View of the matrices that are stored, of which these are the transposes. Absent for values that are stored as they are. */
  readonly transposed?: TensorView;
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

/** Tensors that a quantised matrix consists of, by name: `weight`, `scale`, `zeroPoint`. */
export type Planes = Readonly<Record<string, TensorView>>;

/** Bytes of a plane, little endian, row-major. */
export interface PlaneBytes {
  /** Name of the tensor, for errors. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * A format that stores a matrix in blocks of quantised values. Each is an object of its own; those of one name and equal
 * parameters decode alike.
 */
export interface BlockFormat {
  /** Name, by which an engine knows the formats that it multiplies without decoding: `Q4_K`, `fp8`. */
  readonly name: string;
  /** Values in a block that share a scale, along a row; those of several rows count for `fp8`. */
  readonly parameters?: Readonly<Record<string, number | boolean>>;
  /** Whether the planes have one row for each row of the matrix, so that rows can be cut. Default: false. */
  readonly hasRows?: boolean;
  /**
   * Decodes a matrix.
   * @param planes its planes, read
   * @param shape `[rows, columns]`
   * @returns `rows · columns` values, row-major
   */
  decode(planes: Readonly<Record<string, PlaneBytes>>, shape: readonly [rows: number, columns: number]): Float32Array;
}

/** Storage of quantised values, for engines that multiply them without decoding. */
export interface QuantizedTensor {
  readonly format: BlockFormat;
  /** For a stack of matrices, each plane has the stack's axis first. A scalar belongs to all rows of a matrix. */
  readonly planes: Planes;
}
