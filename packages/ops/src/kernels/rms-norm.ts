import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** Computes `rmsNorm` in one pass over each row. */
export const rmsNormKernel: HostKernel = {
  name: "MixtapeRmsNorm",
  backends: ["cpu", "wasm"],
  run(host, inputs: { x: TensorInfo; scale: TensorInfo; residual?: TensorInfo }, { eps }: { eps: number }) {
    const out = host.output(inputs.x.shape, "float32");
    const x = host.floats(inputs.x);
    const scale = host.floats(inputs.scale);
    const residual = inputs.residual && host.floats(inputs.residual);
    const y = host.floats(out);
    const n = scale.length;
    for (let row = 0; row < x.length; row += n) {
      let squares = 0;
      for (let i = 0; i < n; i++) squares += x[row + i]! * x[row + i]!;
      const factor = 1 / Math.sqrt(squares / n + eps);
      for (let i = 0; i < n; i++) y[row + i] = x[row + i]! * factor * scale[i]!;
      if (residual) for (let i = 0; i < n; i++) y[row + i]! += residual[row + i]!;
    }
    return out;
  },
};
