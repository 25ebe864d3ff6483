import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** `Softmax` of the last axis, in three passes over each row. */
export const softmaxKernel: NativeKernel = {
  name: "Softmax",
  run(backend, { logits }: { logits: TensorInfo }, { dim }: { dim: number }) {
    const last = logits.shape.length - 1;
    const width = logits.shape[last];
    if (logits.dtype !== "float32" || !width || (dim !== -1 && dim !== last)) return undefined;
    const out = backend.output(logits.shape);
    addon().softmax(backend.floats(out), backend.floats(logits), width);
    return out;
  },
};
