import { backend_util, slice_util, type Tensor, type TensorInfo, util } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import type { NativeKernel } from "./kernel.js";

/** Returns whether values have 32 bits: tfjs's own kernels copy others. */
export function has32BitValues({ dtype }: TensorInfo): boolean {
  return dtype === "float32" || dtype === "int32";
}

/** Creates a tensor with the dtype of another. */
export function outputLike(backend: NativeBackend, { dtype }: TensorInfo, shape: readonly number[]): TensorInfo {
  return backend.output(shape, dtype as "float32" | "int32");
}

/** `Slice`, always a copy: what it is cut from may be used again. */
export const sliceKernel: NativeKernel = {
  name: "Slice",
  run(backend, { x }: { x: TensorInfo }, attrs: { begin: number[]; size: number[] }) {
    if (!has32BitValues(x) || x.shape.length > 6) return undefined;
    const [begin, size] = slice_util.parseSliceParams(x, attrs.begin, attrs.size) as [number[], number[]];
    slice_util.assertParamsValid(x, begin, size);
    const out = outputLike(backend, x, size);
    const from = stridesOf(x.shape);
    const to = stridesOf(size);
    const first = begin.reduce((sum, index, axis) => sum + index * from[axis]!, 0);
    stridedCopy(backend, out, 0, x, first, (axis) => [size[axis]!, to[axis]!, from[axis]!], size.length);
    return out;
  },
};

/** `Transpose` by blocks that stay in the cache. */
export const transposeKernel: NativeKernel = {
  name: "Transpose",
  run(backend, { x }: { x: TensorInfo }, { perm }: { perm: number[] }) {
    if (!has32BitValues(x)) return undefined;
    const shape = perm.map((axis) => x.shape[axis]!);
    const out = outputLike(backend, x, shape);
    const from = stridesOf(x.shape);
    const to = stridesOf(shape);
    stridedCopy(backend, out, 0, x, 0, (axis) => [shape[axis]!, to[axis]!, from[perm[axis]!]!], shape.length);
    return out;
  },
};

/** `Tile` */
export const tileKernel: NativeKernel = {
  name: "Tile",
  run(backend, { x }: { x: TensorInfo }, { reps }: { reps: number[] }) {
    if (!has32BitValues(x)) return undefined;
    const shape = x.shape.map((size, axis) => size * reps[axis]!);
    const out = outputLike(backend, x, shape);
    const from = stridesOf(x.shape);
    const to = stridesOf(shape);
    const axisOf = (i: number): [number, number, number] => {
      const axis = i >> 1;
      const isRepeat = i % 2 === 0;
      return isRepeat ? [reps[axis]!, to[axis]! * x.shape[axis]!, 0] : [x.shape[axis]!, to[axis]!, from[axis]!];
    };
    stridedCopy(backend, out, 0, x, 0, axisOf, 2 * shape.length);
    return out;
  },
};

/** `Concat`: each tensor's part of a row, in all rows. */
export const concatKernel: NativeKernel = {
  name: "Concat",
  run(backend, inputs, { axis }: { axis: number }) {
    const parts = Object.values(inputs);
    const [first] = parts;
    if (!first || !areAlike(parts, first)) return undefined;
    const along = util.parseAxisParam(axis, first.shape)[0]!;
    backend_util.assertParamsConsistent(
      parts.map((part) => part.shape),
      along,
    );
    const shape = [...first.shape];
    shape[along] = parts.reduce((sum, part) => sum + part.shape[along]!, 0);
    return joined(backend, parts, shape, along);
  },
};

/** `Pack`, the same along a new axis. */
export const packKernel: NativeKernel = {
  name: "Pack",
  run(backend, inputs, { axis }: { axis: number }) {
    const parts = Object.values(inputs);
    const [first] = parts;
    if (!first || !areAlike(parts, first) || parts.some(({ shape }) => !util.arraysEqual(shape, first.shape)))
      return undefined;
    const along = axis < 0 ? axis + first.shape.length + 1 : axis;
    const shape = [...first.shape.slice(0, along), parts.length, ...first.shape.slice(along)];
    return joined(backend, parts, shape, along);
  },
};

/** Computes `SplitV` as adjacent slices. */
export const splitKernel: NativeKernel = {
  name: "SplitV",
  run(backend, { x }: { x: TensorInfo }, attrs: { numOrSizeSplits: number[] | number; axis: number }) {
    if (!has32BitValues(x)) return undefined;
    const axis = util.parseAxisParam(attrs.axis, x.shape)[0]!;
    const sizes = backend_util.prepareSplitSize(x as Tensor, attrs.numOrSizeSplits, axis);
    const rows = util.sizeFromShape(x.shape.slice(0, axis));
    const inner = util.sizeFromShape(x.shape.slice(axis + 1));
    const xWidth = x.shape[axis]! * inner;
    let offset = 0;
    return sizes.map((size) => {
      const out = outputLike(backend, x, x.shape.with(axis, size));
      const width = size * inner;
      stridedCopy(backend, out, 0, x, offset, (i) => (i === 0 ? [rows, width, xWidth] : [width, 1, 1]), 2);
      offset += width;
      return out;
    });
  },
};

/** `PadV2` */
export const padKernel: NativeKernel = {
  name: "PadV2",
  run(backend, { x }: { x: TensorInfo }, attrs: { paddings: [number, number][]; constantValue: number }) {
    if (!has32BitValues(x)) return undefined;
    const { paddings, constantValue } = attrs;
    const shape = x.shape.map((size, axis) => paddings[axis]![0] + size + paddings[axis]![1]);
    const out = outputLike(backend, x, shape);
    backend.values(out).fill(constantValue);
    const from = stridesOf(x.shape);
    const to = stridesOf(shape);
    const first = paddings.reduce((sum, [before], axis) => sum + before * to[axis]!, 0);
    stridedCopy(backend, out, first, x, 0, (axis) => [x.shape[axis]!, to[axis]!, from[axis]!], shape.length);
    return out;
  },
};

function areAlike(parts: readonly TensorInfo[], first: TensorInfo): boolean {
  return has32BitValues(first) && parts.every(({ dtype }) => dtype === first.dtype);
}

/** Joins tensors whose rows from that axis on follow one another in the rows of the result. */
function joined(backend: NativeBackend, parts: readonly TensorInfo[], shape: number[], axis: number): TensorInfo {
  const out = outputLike(backend, parts[0]!, shape);
  const rows = util.sizeFromShape(shape.slice(0, axis));
  const outWidth = util.sizeFromShape(shape.slice(axis));
  let offset = 0;
  for (const part of parts) {
    const width = rows === 0 ? 0 : util.sizeFromShape(part.shape) / rows;
    stridedCopy(backend, out, offset, part, 0, (i) => (i === 0 ? [rows, outWidth, width] : [width, 1, 1]), 2);
    offset += width;
  }
  return out;
}

/** Returns the strides of the axes. */
function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Copies along axes, each given by its size and its strides in `out` and in `x`. */
function stridedCopy(
  backend: NativeBackend,
  out: TensorInfo,
  outOffset: number,
  x: TensorInfo,
  xOffset: number,
  axisOf: (axis: number) => [size: number, outStride: number, xStride: number],
  rank: number,
): void {
  const axes = new Float64Array(3 * rank);
  for (let axis = 0; axis < rank; axis++) axes.set(axisOf(axis), 3 * axis);
  addon().stridedCopy(backend.buffer32(out), outOffset, backend.buffer32(x), xOffset, axes);
}
