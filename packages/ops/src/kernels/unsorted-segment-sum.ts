import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** tfjs's own `UnsortedSegmentSum`, which its wasm backend lacks: the gradient of `gather` needs it. */
export const unsortedSegmentSumKernel: HostKernel = {
  name: "UnsortedSegmentSum",
  backends: ["wasm"],
  run(host, inputs: { x: TensorInfo; segmentIds: TensorInfo }, { numSegments }: { numSegments: number }) {
    const inner = inputs.x.shape.slice(1);
    const width = util.sizeFromShape(inner);
    const dtype = inputs.x.dtype === "int32" ? "int32" : "float32";
    const values = (tensor: TensorInfo) => (dtype === "int32" ? host.ints(tensor) : host.floats(tensor));
    const out = host.output([numSegments, ...inner], dtype);
    const x = values(inputs.x);
    const ids = host.ints(inputs.segmentIds);
    const sums = values(out).fill(0);
    ids.forEach((id, row) => {
      // As on the other engines, rows of a segment that does not exist count nowhere.
      if (id < 0 || id >= numSegments) return;
      for (let i = 0; i < width; i++) sums[id * width + i]! += x[row * width + i]!;
    });
    return out;
  },
};
