import type { Param } from "@mixtape/layers";
import { fromFloat32, type TensorView, toFloat32 } from "@mixtape/safetensors";

/** By parameter: what float32 could not hold of the sums that were loaded into it. */
const remainders = new WeakMap<Param, Float32Array>();

/** A view plus a constant, in float32; a read of the whole remembers for `param` what rounding lost. */
export function addedView(view: TensorView, constant: number, param: Param): TensorView {
  return mapped(view, (values) => {
    const sums = values.map((value) => value + constant);
    const lost = values.map((value, i) => value - (sums[i]! - constant));
    // Of −0 the sign is lost.
    if (values.length === param.size && lost.some((value) => !Object.is(value, 0))) remainders.set(param, lost);
    else remainders.delete(param);
    return sums;
  });
}

/** A view minus a constant, with what was lost when it was added: for values that did not change, those of the file. */
export function subtractedView(view: TensorView, constant: number, param: Param): TensorView {
  return mapped(view, (values) => {
    const lost = remainders.get(param);
    if (lost?.length !== values.length) return values.map((value) => value - constant);
    return values.map((value, i) => (value === constant ? lost[i]! : value - constant + lost[i]!));
  });
}

/** A view whose values pass through a function, as float32. */
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
