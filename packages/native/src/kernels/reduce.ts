import { type TensorInfo, util } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

type Axis = number | number[] | null | undefined;
interface Reduction {
  /** Shape of the result. */
  readonly shape: number[];
  /** Number of values that are reduced to one. */
  readonly count: number;
  /** Stride between these values. */
  readonly inner: number;
}

/** `Sum` of float32 over axes that are neighbours. */
export const sumKernel: NativeKernel = {
  name: "Sum",
  run(backend, { x }: { x: TensorInfo }, { axis, keepDims }: { axis: Axis; keepDims?: boolean }) {
    const reduction = reductionOf(x, axis, keepDims);
    if (!reduction) return undefined;
    const { shape, inner } = reduction;
    const out = backend.output(shape);
    if (inner === 1) addon().sumRows(backend.floats(out), backend.floats(x), 1);
    else addon().sumColumns(backend.floats(out), backend.floats(x), inner);
    return out;
  },
};

/** `Mean` of float32 over the last axes. */
export const meanKernel: NativeKernel = {
  name: "Mean",
  run(backend, { x }: { x: TensorInfo }, { axis, keepDims }: { axis: Axis; keepDims?: boolean }) {
    const reduction = reductionOf(x, axis, keepDims);
    if (reduction?.inner !== 1) return undefined;
    const out = backend.output(reduction.shape);
    addon().sumRows(backend.floats(out), backend.floats(x), reduction.count);
    return out;
  },
};

/** `Max` of float32 over the last axes. */
export const maxKernel: NativeKernel = {
  name: "Max",
  run(backend, { x }: { x: TensorInfo }, attrs: { reductionIndices: Axis; keepDims?: boolean }) {
    const reduction = reductionOf(x, attrs.reductionIndices, attrs.keepDims);
    if (reduction?.inner !== 1) return undefined;
    const out = backend.output(reduction.shape);
    addon().maxRows(backend.floats(out), backend.floats(x));
    return out;
  },
};

/** Returns the reduction as three sizes, if the tensor is float32 and not empty, and the axes are adjacent. */
function reductionOf({ shape, dtype }: TensorInfo, axis: Axis, keepDims: boolean | undefined): Reduction | undefined {
  if (dtype !== "float32") return undefined;
  const axes = util.parseAxisParam(axis as number | number[], shape);
  const first = Math.min(...axes);
  const last = Math.max(...axes);
  if (last - first !== axes.length - 1) return undefined;
  const product = (from: number, to: number) => util.sizeFromShape(shape.slice(from, to));
  const count = product(first, last + 1);
  const inner = product(last + 1, shape.length);
  if (count * inner * product(0, first) === 0) return undefined;
  const ones = keepDims ? axes.map(() => 1) : [];
  return { shape: [...shape.slice(0, first), ...ones, ...shape.slice(last + 1)], count, inner };
}
