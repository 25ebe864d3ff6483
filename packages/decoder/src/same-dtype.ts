import { fromFloat32, type TensorView, toFloat32 } from "@mixtape/safetensors";

/**
 * Returns views for one stack, decoded to float32 if their dtypes differ: some merges and quantisers keep single
 * experts in a wider type.
 */
export function sameDtype(views: readonly TensorView[]): readonly TensorView[] {
  return new Set(views.map(({ dtype }) => dtype)).size > 1 ? views.map(decoded) : views;
}

function decoded(view: TensorView): TensorView {
  const { name, shape } = view;
  return {
    name,
    shape,
    dtype: "F32",
    byteLength: 4 * shape.reduce((product, n) => product * n, 1),
    read: async () => fromFloat32(toFloat32(await view.read(), view.dtype), "F32"),
    slice: (start, end) => decoded(view.slice(start, end)),
    at: (index) => decoded(view.at(index)),
  };
}
