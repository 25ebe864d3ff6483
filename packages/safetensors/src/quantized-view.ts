import { MAX_BUFFER_BYTES } from "./byte-source.js";
import { bytesPerElement, type Dtype } from "./dtype.js";
import { SafetensorsError, SafetensorsReadError } from "./errors.js";
import type { PlaneBytes, QuantizedTensor, TensorView } from "./tensor-view.js";

/** Quantised values to be viewed. */
export interface QuantizedViewOptions extends QuantizedTensor {
  /** Name in a checkpoint that is not quantised. */
  readonly name: string;
  /** `[rows, columns]`, or `[n, rows, columns]` for a stack. */
  readonly shape: readonly number[];
  /** Dtype of the values before they were quantised, in which they are saved: {@link TensorView.savedAs}. */
  readonly savedAs: Dtype;
}

/**
 * Views quantised values as an F32 tensor: `read` decodes them, matrix by matrix, and `quantized` tells how they are
 * stored.
 * @throws SafetensorsError unless it is a matrix or a stack of matrices
 */
export function quantizedView(options: QuantizedViewOptions): TensorView {
  const { name, shape, planes } = options;
  const isMatrix = shape.length === 2;
  const isStack = shape.length === 3 && Object.values(planes).every((plane) => plane.shape[0] === shape[0]);
  if (!isMatrix && !isStack)
    throw new SafetensorsError({
      where: name,
      expected: "a quantised matrix, or a stack of them with as many of each plane",
      got: `[${shape.join(", ")}] of planes ${Object.values(planes).map((plane) => `[${plane.shape.join(", ")}]`)}`,
    });
  return new QuantizedView(options);
}

class QuantizedView implements TensorView {
  readonly name: string;
  readonly dtype = "F32";
  readonly shape: readonly number[];
  readonly savedAs: Dtype;
  readonly quantized: QuantizedTensor;

  constructor({ name, shape, savedAs, format, planes }: QuantizedViewOptions) {
    this.name = name;
    this.shape = Object.freeze([...shape]);
    this.savedAs = savedAs;
    this.quantized = { format, planes };
  }

  get byteLength(): number {
    return product(this.shape) * bytesPerElement(this.dtype);
  }

  async read(): Promise<Uint8Array> {
    if (this.byteLength > MAX_BUFFER_BYTES)
      throw new SafetensorsReadError({
        where: this.name,
        expected: `at most ${MAX_BUFFER_BYTES} bytes in one read`,
        got: `${this.byteLength} decoded bytes`,
        fix: "Read it in parts: at(index)",
      });
    if (this.shape.length === 2) return bytesOf(await this.#decode());
    const all = new Uint8Array(this.byteLength);
    const each = this.byteLength / this.shape[0]!;
    for (let i = 0; i < this.shape[0]!; i++) all.set(await this.at(i).read(), i * each);
    return all;
  }

  slice(start: number, end: number): TensorView {
    const rows = this.shape[0]!;
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > rows)
      throw new SafetensorsError({
        where: `${this.name}.slice`,
        expected: `0 <= start <= end <= ${rows}`,
        got: `[${start}, ${end})`,
      });
    const shape = [end - start, ...this.shape.slice(1)];
    if (this.shape.length === 2 && !this.quantized.format.hasRows) return new DecodedRows(this, start, shape);
    const cut = (plane: TensorView): TensorView => (plane.shape.length === 0 ? plane : plane.slice(start, end));
    return this.#part(`[${start}:${end}]`, shape, cut);
  }

  at(index: number): TensorView {
    const count = this.shape[0]!;
    if (!Number.isInteger(index) || index < 0 || index >= count)
      throw new SafetensorsError({ where: `${this.name}.at`, expected: `0 <= index < ${count}`, got: `${index}` });
    const shape = this.shape.slice(1);
    if (this.shape.length === 2) return new DecodedRows(this, index, shape);
    return this.#part(`[${index}]`, shape, (plane) => plane.at(index));
  }

  #part(suffix: string, shape: readonly number[], cut: (plane: TensorView) => TensorView): TensorView {
    const planes = Object.entries(this.quantized.planes).map(([name, plane]) => [name, cut(plane)] as const);
    return new QuantizedView({
      name: this.name + suffix,
      shape,
      savedAs: this.savedAs,
      format: this.quantized.format,
      planes: Object.fromEntries(planes),
    });
  }

  async #decode(): Promise<Float32Array> {
    const { format, planes } = this.quantized;
    const read: Record<string, PlaneBytes> = {};
    for (const [name, plane] of Object.entries(planes))
      read[name] = { name: plane.name, dtype: plane.dtype, shape: plane.shape, bytes: await plane.read() };
    return format.decode(read, this.shape as readonly [number, number]);
  }
}

/** Rows of a matrix that can only be decoded as a whole. */
class DecodedRows implements TensorView {
  readonly name: string;
  readonly dtype = "F32";
  readonly savedAs: Dtype;
  readonly #matrix: QuantizedView;
  readonly #start: number;

  constructor(
    matrix: QuantizedView,
    start: number,
    readonly shape: readonly number[],
  ) {
    this.name = `${matrix.name}[${start}${shape.length === 2 ? `:${start + shape[0]!}` : ""}]`;
    this.savedAs = matrix.savedAs;
    this.#matrix = matrix;
    this.#start = start;
  }

  get byteLength(): number {
    return product(this.shape) * bytesPerElement(this.dtype);
  }

  async read(): Promise<Uint8Array> {
    const rowBytes = this.#matrix.shape[1]! * bytesPerElement(this.dtype);
    const bytes = await this.#matrix.read();
    return bytes.slice(this.#start * rowBytes, this.#start * rowBytes + this.byteLength);
  }

  slice(start: number, end: number): TensorView {
    if (this.shape.length === 2) return this.#matrix.slice(this.#start + start, this.#start + end);
    throw new SafetensorsError({ where: `${this.name}.slice`, expected: "rows of a matrix", got: "a single row" });
  }

  at(index: number): TensorView {
    if (this.shape.length === 2) return this.#matrix.at(this.#start + index);
    throw new SafetensorsError({ where: `${this.name}.at`, expected: "rows of a matrix", got: "a single row" });
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}
