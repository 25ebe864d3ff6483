import { bytesPerElement, type Dtype, type TensorView } from "@mixtape/safetensors";
import { QuantizationError } from "../errors.js";

/**
 * Views the bytes of a tensor as another dtype, of which safetensors had none when the file was written: FP4 in bytes,
 * MXFP8 in words.
 * @param shape with the same first axes, and as many bytes
 */
export function viewWithDtype(view: TensorView, dtype: Dtype, shape: readonly number[]): TensorView {
  return new RecastView(view, dtype, shape);
}

/** Views a tensor of one element as a scalar. */
export function scalarView(view: TensorView): TensorView {
  return view.shape.length === 0 ? view : new RecastView(view, view.dtype, []);
}

class RecastView implements TensorView {
  readonly name: string;
  readonly byteLength: number;

  constructor(
    readonly source: TensorView,
    readonly dtype: Dtype,
    readonly shape: readonly number[],
  ) {
    this.name = source.name;
    this.byteLength = shape.reduce((all, size) => all * size, bytesPerElement(dtype));
    if (this.byteLength === source.byteLength) return;
    throw new QuantizationError({
      where: source.name,
      expected: `${this.byteLength} bytes for ${dtype} [${shape.join(", ")}]`,
      got: `${source.byteLength}: ${source.dtype} [${source.shape.join(", ")}]`,
    });
  }

  get location(): TensorView["location"] {
    return this.source.location;
  }

  read(): Promise<Uint8Array> {
    return this.source.read();
  }

  slice(start: number, end: number): TensorView {
    return new RecastView(this.source.slice(start, end), this.dtype, [end - start, ...this.shape.slice(1)]);
  }

  at(index: number): TensorView {
    return new RecastView(this.source.at(index), this.dtype, this.shape.slice(1));
  }
}
