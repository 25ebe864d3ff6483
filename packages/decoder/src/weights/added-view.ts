import type { Param } from "@mixtape/layers";
import { fromFloat32, type TensorView, toFloat32 } from "@mixtape/safetensors";

/** By parameter: rounding errors of the sums that were loaded into it. */
const remainders = new WeakMap<Param, Float32Array>();

/** Returns a view plus a constant, in float32; reading the whole stores the rounding error for `param`. */
export function addedView(view: TensorView, constant: number, param: Param): TensorView {
  return mapped(view, (values) => {
    const sums = values.map((value) => value + constant);
    const lost = values.map((value, i) => value - (sums[i]! - constant));
    // The sign of −0 is lost.
    if (values.length === param.size && lost.some((value) => !Object.is(value, 0))) remainders.set(param, lost);
    else remainders.delete(param);
    return sums;
  });
}

/** Returns a view minus a constant, with the stored rounding error: unchanged values equal those of the file. */
export function subtractedView(view: TensorView, constant: number, param: Param): TensorView {
  return mapped(view, (values) => {
    const lost = remainders.get(param);
    if (lost?.length !== values.length) return values.map((value) => value - constant);
    return values.map((value, i) => (value === constant ? lost[i]! : value - constant + lost[i]!));
  });
}

/** Returns a view whose values are mapped by a function, as float32. */
function mapped(view: TensorView, f: (values: Float32Array) => Float32Array): TensorView {
  const read = async (): Promise<Uint8Array> => fromFloat32(f(toFloat32(await view.read(), view.dtype)), "F32");
  const part = (of: TensorView): TensorView => mapped(of, f);
  return {
    name: view.name,
    dtype: "F32",
    shape: view.shape,
    byteLength: 4 * view.shape.reduce((all, size) => all * size, 1),
    read,
    slice: (start, end) => part(view.slice(start, end)),
    at: (index) => part(view.at(index)),
  };
}
