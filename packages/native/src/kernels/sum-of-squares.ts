import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** Computes `sumOfSquares` of `ops` and writes only the sum. */
export const sumOfSquaresKernel: NativeKernel = {
  name: "MixtapeSumOfSquares",
  run(backend, inputs: Record<string, TensorInfo>) {
    const one = new Float32Array(1);
    let sum = 0;
    for (const x of Object.values(inputs)) {
      addon().sumSquares(one, backend.floats(x));
      sum += one[0]!;
    }
    const out = backend.output([]);
    backend.values(out)[0] = sum;
    return out;
  },
};
