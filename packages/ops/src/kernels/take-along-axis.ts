import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** Computes `takeAlongAxis` as a plain look-up. */
export const takeAlongAxisKernel: HostKernel = {
  name: "MixtapeTakeAlongAxis",
  backends: ["cpu", "wasm"],
  run(host, inputs: { x: TensorInfo; indices: TensorInfo }) {
    const [t, e] = inputs.x.shape as [number, number];
    const [, k] = inputs.indices.shape as [number, number];
    const out = host.output([t, k], "float32");
    const x = host.floats(inputs.x);
    const indices = host.ints(inputs.indices);
    const y = host.floats(out);
    for (let i = 0; i < y.length; i++) y[i] = x[Math.floor(i / k) * e + indices[i]!]!;
    return out;
  },
};
