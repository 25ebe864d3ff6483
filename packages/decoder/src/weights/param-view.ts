import type { Param } from "@mixtape/layers";
import { encodeWeight } from "@mixtape/ops";
import { bytesPerElement, type Dtype, type TensorView } from "@mixtape/safetensors";

/**
 * Returns the values of a parameter as a view, encoded when read; for a stack, a single matrix is encoded if only that
 * is read.
 */
export function paramView(param: Param, dtype: Dtype): TensorView {
  const name = `a parameter [${param.shape}]`;
  const encoded = (shape: readonly number[], index?: number): TensorView =>
    partOf({ name, dtype, read: () => encodeWeight(param.ownWeight, dtype, index) }, 0, shape);
  const whole = encoded(param.shape);
  return param.role === "stack" ? { ...whole, at: (index) => encoded(param.shape.slice(1), index) } : whole;
}

/** Returns a view of a part, for which the whole is read. */
function partOf(
  whole: Pick<TensorView, "name" | "dtype" | "read">,
  offset: number,
  shape: readonly number[],
): TensorView {
  const { name, dtype } = whole;
  const size = bytesPerElement(dtype);
  const byteLength = size * product(shape);
  const row = product(shape.slice(1));
  return {
    name,
    dtype,
    shape,
    byteLength,
    read: async () => (await whole.read()).subarray(offset * size, offset * size + byteLength),
    slice: (start, end) => partOf(whole, offset + start * row, shape.with(0, end - start)),
    at: (index) => partOf(whole, offset + index * row, shape.slice(1)),
  };
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1);
}
