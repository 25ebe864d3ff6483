import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** Computes `rotary` without the halves, their negation and their concatenation as tensors. */
export const rotaryKernel: HostKernel = {
  name: "MixtapeRotary",
  backends: ["cpu", "wasm"],
  run(host, inputs: { x: TensorInfo; cos: TensorInfo; sin: TensorInfo }, { interleaved }: { interleaved: boolean }) {
    const [b, h, l, width] = inputs.x.shape as [number, number, number, number];
    const [tableRows, , d] = inputs.cos.shape as [number, number, number];
    const half = d / 2;
    // Features of pair i: the first at i · step, the second at a fixed distance.
    const [step, apart] = interleaved ? [2, 1] : [1, half];
    const out = host.output(inputs.x.shape, "float32");
    const x = host.floats(inputs.x);
    const cos = host.floats(inputs.cos);
    const sin = host.floats(inputs.sin);
    const y = host.floats(out);
    if (d < width) y.set(x);
    for (let row = 0; row < b * h * l; row++) {
      const at = row * width;
      const batch = tableRows === 1 ? 0 : Math.floor(row / (h * l));
      const angle = (batch * l + (row % l)) * d;
      for (let i = 0; i < half; i++) {
        const pair = at + i * step;
        const first = x[pair]!;
        const second = x[pair + apart]!;
        y[pair] = first * cos[angle + i]! - second * sin[angle + i]!;
        y[pair + apart] = second * cos[angle + half + i]! + first * sin[angle + half + i]!;
      }
    }
    return out;
  },
};
