import {
  getKernel,
  type KernelFunc,
  registerKernel,
  slice_util,
  type TensorInfo,
  type TypedArray,
  unregisterKernel,
  util,
} from "@tensorflow/tfjs-core";
import type { CpuBackend } from "./host.js";

const replaced = new WeakSet<KernelFunc>();

/**
 * Replaces `Slice` of tfjs's cpu backend, which computes the position of every single number: slicing the last tokens of a KV
 * cache cost more than the rest of a decode step. Copies whole rows of the last axis. Contiguous slices, and tensors without
 * numbers, still go to tfjs's own kernel.
 */
export function replaceSliceOfCpu(): void {
  const own = getKernel("Slice", "cpu");
  if (!own || replaced.has(own.kernelFunc)) return;
  const kernelFunc: KernelFunc = (args) => {
    const x = args.inputs.x as TensorInfo;
    const attrs = args.attrs as unknown as { begin: number[]; size: number[] };
    const [begin, size] = slice_util.parseSliceParams(x, attrs.begin, attrs.size) as [number[], number[]];
    const numbers = x.dtype === "float32" || x.dtype === "int32";
    if (!numbers || x.shape.length < 2 || slice_util.isSliceContinous(x.shape, begin, size))
      return own.kernelFunc(args);
    slice_util.assertParamsValid(x, begin, size);
    const cpu = args.backend as CpuBackend;
    return cpu.makeTensorInfo(size, x.dtype, copyRows(cpu.data.get(x.dataId).values, x, begin, size));
  };
  replaced.add(kernelFunc);
  unregisterKernel("Slice", "cpu");
  registerKernel({ ...own, kernelFunc });
}

function copyRows(values: TypedArray, { shape, dtype }: TensorInfo, begin: number[], size: number[]): TypedArray {
  const out = util.getTypedArrayFromDType(dtype as "float32" | "int32", util.sizeFromShape(size));
  const strides = [...util.computeStrides(shape), 1];
  const width = size.at(-1)!;
  const rows = width === 0 ? 0 : out.length / width;
  for (let row = 0; row < rows; row++) {
    let from = begin.at(-1)!;
    // The row's index, from the axis before the last outwards.
    for (let axis = size.length - 2, left = row; axis >= 0; axis--) {
      from += (begin[axis]! + (left % size[axis]!)) * strides[axis]!;
      left = Math.floor(left / size[axis]!);
    }
    out.set(values.subarray(from, from + width), row * width);
  }
  return out;
}
