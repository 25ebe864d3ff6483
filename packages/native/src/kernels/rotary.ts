import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** `rotary` of `ops`, without the halves, their negation and their concatenation as tensors. */
export const rotaryKernel: NativeKernel = {
  name: "MixtapeRotary",
  run(backend, { x, cos, sin }: { x: TensorInfo; cos: TensorInfo; sin: TensorInfo }) {
    const out = backend.output(x.shape);
    addon().rotary(
      backend.floats(out),
      backend.floats(x),
      backend.floats(cos),
      backend.floats(sin),
      x.shape[2]!,
      x.shape[3]!,
      cos.shape[2]!,
    );
    return out;
  },
};
