import {
  getKernel,
  type KernelBackend,
  registerKernel,
  type TensorInfo,
  type TypedArray,
  util,
} from "@tensorflow/tfjs-core";
import { multiplyOnHost } from "./multiply-on-host.js";

/** Access of kernels in TypeScript to an engine whose tensors are in memory that JavaScript reads. */
export interface Host {
  /** Creates a tensor. On wasm this may move all memory: create the outputs before asking for values. */
  output(shape: readonly number[], dtype: "float32" | "int32"): TensorInfo;
  /** Returns the memory of a float32 tensor, to read or to fill. */
  floats(tensor: TensorInfo): Float32Array;
  /** Returns the memory of an int32 tensor, to read or to fill. */
  ints(tensor: TensorInfo): Int32Array;
  /**
   * Multiplies `x`, whose leading axes count as rows, by a matrix.
   * @param weight `[out, in]`, or `[in, out]` if `transposed`
   * @returns `[rows, out]`, to return or to free
   */
  multiply(x: TensorInfo, weight: TensorInfo, transposed: boolean): TensorInfo;
  /** Frees a tensor that the kernel created and does not return. */
  free(tensor: TensorInfo): void;
}

/** Kernel that runs in JavaScript on the memory of its engine. */
export interface HostKernel {
  /** Name under which `ops`, or tfjs, asks for it. */
  readonly name: string;
  /** Engines that it is for. */
  readonly backends: readonly HostBackend[];
  // Methods, not properties: a kernel may narrow the inputs and attributes that it takes to its contract's.
  run(host: Host, inputs: Record<string, TensorInfo>, attrs: object): TensorInfo;
}

/** tfjs backends whose tensors are in memory that JavaScript reads. */
export type HostBackend = "cpu" | "wasm";

/** Part of tfjs's cpu backend that the kernels need. */
export interface CpuBackend extends KernelBackend {
  makeTensorInfo(shape: number[], dtype: string, values: TypedArray): TensorInfo;
  readonly data: { get(dataId: object): { values: TypedArray } };
}

/** Part of tfjs's wasm backend that the kernels need. */
interface WasmBackend extends KernelBackend {
  makeOutput(shape: number[], dtype: string): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): TypedArray;
}

const HOSTS: Record<HostBackend, (backend: KernelBackend) => Host> = {
  cpu: (backend) => {
    const cpu = backend as CpuBackend;
    const output: Host["output"] = (shape, dtype) =>
      cpu.makeTensorInfo([...shape], dtype, util.getTypedArrayFromDType(dtype, util.sizeFromShape([...shape])));
    const floats: Host["floats"] = ({ dataId }) => cpu.data.get(dataId).values as Float32Array;
    return {
      output,
      floats,
      ints: ({ dataId }) => cpu.data.get(dataId).values as Int32Array,
      multiply: (x, weight, transposed) => {
        const width = x.shape.at(-1)!;
        const columns = weight.shape[transposed ? 1 : 0]!;
        const out = output([util.sizeFromShape(x.shape) / width, columns], "float32");
        multiplyOnHost(floats(x), floats(weight), floats(out), width, transposed);
        return out;
      },
      free: ({ dataId }) => cpu.disposeData(dataId),
    };
  },
  wasm: (backend) => {
    const wasm = backend as WasmBackend;
    return {
      output: (shape, dtype) => wasm.makeOutput([...shape], dtype),
      floats: (tensor) => wasm.typedArrayFromHeap(tensor) as Float32Array,
      ints: (tensor) => wasm.typedArrayFromHeap(tensor) as Int32Array,
      // The engine's own product, without tensors that only reshape: XNNPACK.
      multiply: ({ dataId, dtype, shape }, weight, transposed) => {
        const width = shape.at(-1)!;
        const a = { dataId, dtype, shape: [util.sizeFromShape(shape) / width, width] };
        const attrs = { transposeA: false, transposeB: !transposed };
        return getKernel("BatchMatMul", "wasm").kernelFunc({ inputs: { a, b: weight }, attrs, backend }) as TensorInfo;
      },
      free: ({ dataId }) => void wasm.disposeData(dataId),
    };
  },
};

/** Registers a kernel with tfjs for one of its backends. */
export function registerHostKernel(kernel: HostKernel, backendName: HostBackend): void {
  registerKernel({
    kernelName: kernel.name,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) =>
      kernel.run(HOSTS[backendName](backend as KernelBackend), inputs as Record<string, TensorInfo>, attrs ?? {}),
  });
}
