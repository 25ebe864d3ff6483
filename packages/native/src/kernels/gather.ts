import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";
import { has32BitValues, outputLike } from "./strided-copy.js";

/** `GatherV2` of whole rows. */
export const gatherKernel: NativeKernel = {
  name: "GatherV2",
  run(
    backend,
    { x, indices }: { x: TensorInfo; indices: TensorInfo },
    { axis, batchDims }: { axis: number; batchDims?: number },
  ) {
    if (!has32BitValues(x) || indices.dtype !== "int32" || batchDims) return undefined;
    const along = util.parseAxisParam(axis, x.shape)[0]!;
    const rows = x.shape[along]!;
    const ids = backend.ints(indices);
    // tfjs's own kernel throws the error that says so.
    if (ids.some((id) => id < 0 || id >= rows)) return undefined;
    const before = x.shape.slice(0, along);
    const out = outputLike(backend, x, [...before, ...indices.shape, ...x.shape.slice(along + 1)]);
    const outer = util.sizeFromShape(before);
    addon().gather(backend.buffer32(out), backend.buffer32(x), ids, outer, rows);
    return out;
  },
};

/** `UnsortedSegmentSum` in one pass, where tfjs's own makes one for each segment. */
export const segmentSumKernel: NativeKernel = {
  name: "UnsortedSegmentSum",
  run(backend, { x, segmentIds }: { x: TensorInfo; segmentIds: TensorInfo }, { numSegments }: { numSegments: number }) {
    const inner = x.shape.slice(1);
    const width = util.sizeFromShape(inner);
    const fits = x.dtype === "float32" && segmentIds.dtype === "int32" && segmentIds.shape.length === 1;
    if (!fits || segmentIds.shape[0] !== x.shape[0] || width === 0) return undefined;
    const out = backend.output([numSegments, ...inner]);
    addon().segmentSum(backend.floats(out), backend.floats(x), backend.ints(segmentIds), width);
    return out;
  },
};
