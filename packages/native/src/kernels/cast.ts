import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeKernel } from "./kernel.js";

/** Computes `Cast` to float32. tfjs's own gives the tensor an array of integers, which no native kernel could read. */
export const castKernel: NativeKernel = {
  name: "Cast",
  run(backend, { x }: { x: TensorInfo }, { dtype }: { dtype: DataType }) {
    if (dtype !== "float32" || (x.dtype !== "int32" && x.dtype !== "bool")) return undefined;
    const out = backend.output(x.shape);
    backend.values(out).set(backend.values(x));
    return out;
  },
};
