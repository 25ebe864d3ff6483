import { bytesPerElement, type Dtype, quantizedView, type TensorView } from "@mixtape/safetensors";
import { type EncodedMatrix, layoutOf, type MatrixLayout } from "./matrix-layout.js";
import { quantizeMatrix } from "./quantize-matrix.js";
import type { WeightScheme } from "./weight-scheme.js";

/** Quantises a matrix `[rows, columns]`. */
export type Encoder = (view: TensorView, layout: MatrixLayout) => Promise<EncodedMatrix>;

/** Rounds each value for itself. */
const roundEach: Encoder = async (view, layout) => quantizeMatrix(view.name, await view.read(), view.dtype, layout);

/**
 * Views a matrix `[rows, columns]`, or a stack of matrices, as a quantised one. It is quantised when it is read, matrix by matrix.
 * @param encode quantises a matrix. Default: rounds each value for itself
 * @throws {QuantizationError} if the group size does not divide the columns; when it is read, for values that are not finite
 */
export function quantizingView(view: TensorView, scheme: WeightScheme, encode: Encoder = roundEach): TensorView {
  const matrix = new LazyMatrix(view, scheme, encode);
  const { name, shape, dtype, savedAs = dtype } = view;
  const planes = { weight: matrix.plane("weight"), scale: matrix.plane("scale") };
  return quantizedView({ name, shape, savedAs, format: matrix.layout.format, planes });
}

/** A matrix, or a stack of them, whose planes are made when one of them is read. */
class LazyMatrix {
  readonly layout: MatrixLayout;
  readonly #view: TensorView;
  readonly #scheme: WeightScheme;
  readonly #encoder: Encoder;
  readonly #parts = new Map<string, LazyMatrix>();
  /** Planes that were made and not yet read: who reads one plane reads the other one next. */
  readonly #unread = new Map<keyof EncodedMatrix, Promise<Uint8Array>>();

  constructor(view: TensorView, scheme: WeightScheme, encode: Encoder) {
    this.#view = view;
    this.#scheme = scheme;
    this.#encoder = encode;
    this.layout = layoutOf(view.name, view.shape.slice(-2) as [number, number], scheme);
  }

  plane(plane: keyof EncodedMatrix): TensorView {
    const shape = [...this.#view.shape.slice(0, -2), ...this.layout[plane]];
    const dtype: Dtype = plane === "weight" ? this.layout.dtype : "BF16";
    const byteLength = shape.reduce((all, size) => all * size, bytesPerElement(dtype));
    return {
      name: `${this.#view.name}${plane === "scale" ? "_scale" : this.layout.type === "int" ? "_packed" : ""}`,
      dtype,
      shape,
      byteLength,
      read: () => (shape.length > 2 ? this.#readStack(plane, byteLength) : this.#read(plane)),
      slice: (start, end) => this.#part(`${start}:${end}`, (view) => view.slice(start, end)).plane(plane),
      at: (index) => this.#part(`${index}`, (view) => view.at(index)).plane(plane),
    };
  }

  /** Returns a part, the same one for both planes. */
  #part(key: string, cut: (view: TensorView) => TensorView): LazyMatrix {
    const known = this.#parts.get(key);
    if (known) return known;
    const part = new LazyMatrix(cut(this.#view), this.#scheme, this.#encoder);
    this.#parts.set(key, part);
    return part;
  }

  async #readStack(plane: keyof EncodedMatrix, byteLength: number): Promise<Uint8Array> {
    const all = new Uint8Array(byteLength);
    const count = this.#view.shape[0]!;
    for (let i = 0; i < count; i++) all.set(await this.plane(plane).at(i).read(), (i * byteLength) / count);
    return all;
  }

  #read(plane: keyof EncodedMatrix): Promise<Uint8Array> {
    const unread = this.#unread.get(plane);
    if (unread) {
      this.#unread.delete(plane);
      return unread;
    }
    const encoded = this.#encoder(this.#view, this.layout);
    const other = plane === "weight" ? "scale" : "weight";
    const rest = encoded.then((planes) => planes[other]);
    rest.catch(() => {}); // the first read reports it
    this.#unread.set(other, rest);
    return encoded.then((planes) => planes[plane]);
  }
}
