import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { HostKernel } from "./host.js";

/** Computes tfjs's `UnsortedSegmentSum`, which its wasm backend lacks: the gradient of `gather` needs it. */
export const unsortedSegmentSumKernel: HostKernel = {
  name: "UnsortedSegmentSum",
  backends: ["wasm"],
  run(host, inputs: { x: TensorInfo; segmentIds: TensorInfo }, { numSegments }: { numSegments: number }) {
    const inner = inputs.x.shape.slice(1);
    const width = util.sizeFromShape(inner);
    const out = host.output([numSegments, ...inner], "float32");
    const x = host.floats(inputs.x);
    const ids = host.ints(inputs.segmentIds);
    const sums = host.floats(out).fill(0);
    ids.forEach((id, row) => {
      // A row of a segment that does not exist is written beyond the array: nowhere, as on the other engines.
      for (let i = 0; i < width; i++) sums[id * width + i]! += x[row * width + i]!;
    });
    return out;
  },
};
