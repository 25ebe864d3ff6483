import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import type { NativeKernel } from "./kernel.js";

type Filled = "float32" | "int32" | "bool";

/** `Fill` of numbers. */
export const fillKernel: NativeKernel = {
  name: "Fill",
  run(backend, _inputs, { shape, value, dtype }: { shape: number[]; value: number | string; dtype?: DataType }) {
    return typeof value === "number" && isFilled(dtype) ? filled(backend, shape, dtype, value) : undefined;
  },
};

/** `ZerosLike` and `OnesLike` of numbers. */
export const likeKernels: readonly NativeKernel[] = [["ZerosLike", 0] as const, ["OnesLike", 1] as const].map(
  ([name, value]) => ({
    name,
    run: (backend, { x }: { x: TensorInfo }) =>
      isFilled(x.dtype) ? filled(backend, x.shape, x.dtype, value) : undefined,
  }),
);

function isFilled(dtype: DataType | undefined): dtype is Filled {
  return dtype === "float32" || dtype === "int32" || dtype === "bool";
}

function filled(backend: NativeBackend, shape: number[], dtype: Filled, value: number): TensorInfo {
  const out = backend.output(shape, dtype);
  if (dtype === "bool") backend.values(out).fill(value);
  else {
    // By the addon, so that a graph can replay it: one value with a stride of 0.
    const values = backend.buffer32(out);
    const from = values instanceof Int32Array ? Int32Array.of(value) : Float32Array.of(value);
    if (values.length > 0) addon().stridedCopy(values, 0, from, 0, Float64Array.of(values.length, 1, 0));
  }
  return out;
}
