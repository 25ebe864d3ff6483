import { type Dtype, fromFloat32, type TensorView, toFloat32 } from "@mixtape/safetensors";

/**
 * Returns views for one stack, decoded to float32 if their dtypes differ: some merges and quantisers keep single
 * experts in a wider type. They are saved in the dtype that all of them are saved in, if there is one.
 */
export function sameDtype(views: readonly TensorView[]): readonly TensorView[] {
  if (new Set(views.map(({ dtype }) => dtype)).size <= 1) return views;
  const [savedAs, ...others] = new Set(views.map((view) => view.savedAs ?? view.dtype));
  return views.map((view) => decoded(view, others.length === 0 ? savedAs! : "F32"));
}

function decoded(view: TensorView, savedAs: Dtype): TensorView {
  const { name, shape } = view;
  return {
    name,
    shape,
    dtype: "F32",
    savedAs,
    byteLength: 4 * shape.reduce((product, n) => product * n, 1),
    read: async () => fromFloat32(toFloat32(await view.read(), view.dtype), "F32"),
    slice: (start, end) => decoded(view.slice(start, end), savedAs),
    at: (index) => decoded(view.at(index), savedAs),
  };
}
