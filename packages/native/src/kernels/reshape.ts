import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { NativeKernel } from "./kernel.js";

/** Computes `Reshape` to a shape without −1. A decode step does it hundreds of times. */
export const reshapeKernel: NativeKernel = {
  name: "Reshape",
  run(backend, { x }: { x: TensorInfo }, { shape }: { shape: number[] }) {
    const { dataId, dtype } = x;
    if (dtype === "complex64" || util.sizeFromShape(shape) !== util.sizeFromShape(x.shape)) return undefined;
    for (const size of shape) if (!(size >= 0)) return undefined;
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  },
};
