import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeKernel } from "./kernel.js";

/** `Cast` to float32. tfjs's own leaves an array of integers behind the tensor, which no native kernel could read. */
export const castKernel: NativeKernel = {
  name: "Cast",
  run(backend, { x }: { x: TensorInfo }, { dtype }: { dtype: DataType }) {
    if (dtype !== "float32" || (x.dtype !== "int32" && x.dtype !== "bool")) return undefined;
    const out = backend.output(x.shape);
    backend.numbers(out).set(backend.numbers(x));
    return out;
  },
};
