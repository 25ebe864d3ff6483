import type { TensorToWrite, TensorView } from "@mixtape/safetensors";
import { type Encoder, quantizingView } from "./quantizing-view.js";
import type { WeightScheme } from "./weight-scheme.js";

/**
 * Returns the tensors of a quantised matrix in a format of compressed-tensors: `X.weight_packed`, `X.weight_scale` and
 * `X.weight_shape` of `pack-quantized`, or `X.weight` and `X.weight_scale` of `float-quantized`. It is quantised when its codes are written; its scales stay in memory until they are
 * written too.
 * @param module path of the module, `X`
 * @param view the matrix `[rows, columns]`
 * @param encode quantises it. Default: rounds each value for itself
 * @throws {QuantizationError} if the group size does not divide the columns
 */
export function packedTensors(
  module: string,
  view: TensorView,
  scheme: WeightScheme,
  encode?: Encoder,
): TensorToWrite[] {
  const { weight, scale } = quantizingView(view, scheme, encode).quantized!.planes as Record<
    "weight" | "scale",
    TensorView
  >;
  const shape = BigInt64Array.from(view.shape, BigInt);
  const write = (name: string, plane: TensorView): TensorToWrite => ({
    name: `${module}.${name}`,
    dtype: plane.dtype,
    shape: plane.shape,
    bytes: () => plane.read(),
  });
  if (scheme.type === "float") return [write("weight", weight), write("weight_scale", scale)];
  return [
    write("weight_packed", weight),
    write("weight_scale", scale),
    { name: `${module}.weight_shape`, dtype: "I64", shape: [2], bytes: new Uint8Array(shape.buffer) },
  ];
}
