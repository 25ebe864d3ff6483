import { backend_util, type TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** Numbers of the functions in the addon, by tfjs's names. */
const OPERATIONS = { Add: 0, Sub: 1, Multiply: 2, RealDiv: 3 } as const;

/** Arithmetic on two float32 tensors whose shapes broadcast. */
export const binaryKernels: readonly NativeKernel[] = Object.entries(OPERATIONS).map(([name, operation]) => ({
  name,
  run(backend, { a, b }: { a: TensorInfo; b: TensorInfo }) {
    if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
    const repeated = repeats(b.shape, a.shape) ? a.shape : repeats(a.shape, b.shape) ? b.shape : undefined;
    const shape = repeated ?? backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const out = backend.output(shape);
    const y = backend.floats(out);
    if (y.length === 0) return out;
    if (repeated) addon().binary(y, backend.floats(a), backend.floats(b), operation);
    else addon().binary(y, backend.floats(a), backend.floats(b), operation, broadcastAxes(a.shape, b.shape, shape));
    return out;
  },
}));

/** `AddN` of float32. */
export const addNKernel: NativeKernel = {
  name: "AddN",
  run(backend, inputs) {
    const terms = Object.values(inputs);
    const [first, second] = terms;
    if (!first || !second || terms.some(({ dtype }) => dtype !== "float32")) return undefined;
    const out = backend.output(first.shape);
    const y = backend.floats(out);
    addon().binary(y, backend.floats(first), backend.floats(second), OPERATIONS.Add);
    for (let i = 2; i < terms.length; i++) addon().binary(y, y, backend.floats(terms[i]!), OPERATIONS.Add);
    return out;
  },
};

/**
 * `Equal` of float32 or int32: of a maximum's gradient, which asks of every number whether it is the largest of its row, and of choices
 * that are spread out over all there was to choose from.
 */
export const equalKernel: NativeKernel = {
  name: "Equal",
  run(backend, { a, b }: { a: TensorInfo; b: TensorInfo }) {
    if (a.dtype !== b.dtype || (a.dtype !== "float32" && a.dtype !== "int32")) return undefined;
    const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const axes = broadcastAxes(a.shape, b.shape, shape);
    const out = backend.output(shape, "bool");
    const y = backend.values(out);
    const x = backend.buffer32(a);
    const z = backend.buffer32(b);
    const [size = 1, xStride = 0, zStride = 0] = axes.subarray(-3);
    for (let row = 0; row < y.length; row += size) {
      let xAt = 0;
      let zAt = 0;
      // The row's index, from the axis before the last outwards.
      for (let axis = axes.length - 6, left = row / size; axis >= 0; axis -= 3) {
        xAt += (left % axes[axis]!) * axes[axis + 1]!;
        zAt += (left % axes[axis]!) * axes[axis + 2]!;
        left = Math.floor(left / axes[axis]!);
      }
      for (let i = 0; i < size; i++) y[row + i] = x[xAt + i * xStride] === z[zAt + i * zStride] ? 1 : 0;
    }
    return out;
  },
};

/** Returns whether the small shape is a suffix of the large one, apart from ones, so that its values repeat. */
function repeats(small: readonly number[], large: readonly number[]): boolean {
  const offset = large.length - small.length;
  if (offset < 0) return false;
  let axis = small.length;
  while (axis > 0 && small[axis - 1] === large[offset + axis - 1]) axis--;
  while (axis > 0 && small[axis - 1] === 1) axis--;
  return axis === 0;
}

/**
 * Returns the size of each axis of the result and the strides of the operands along it; adjacent axes with matching strides are
 * merged.
 */
function broadcastAxes(a: readonly number[], b: readonly number[], shape: readonly number[]): Float64Array {
  const axes: number[][] = [];
  let aNext = 1;
  let bNext = 1;
  for (let fromEnd = 1; fromEnd <= shape.length; fromEnd++) {
    const size = shape[shape.length - fromEnd]!;
    if (size === 1) continue;
    const aSize = a[a.length - fromEnd] ?? 1;
    const bSize = b[b.length - fromEnd] ?? 1;
    const aStride = aSize === 1 ? 0 : aNext;
    const bStride = bSize === 1 ? 0 : bNext;
    const inner = axes.at(-1);
    if (inner && aStride === inner[0]! * inner[1]! && bStride === inner[0]! * inner[2]!) inner[0]! *= size;
    else axes.push([size, aStride, bStride]);
    aNext *= aSize;
    bNext *= bSize;
  }
  return Float64Array.from(axes.reverse().flat());
}
