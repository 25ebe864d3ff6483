import { backend_util, getKernel, type TensorInfo, util } from "@tensorflow/tfjs-core";
import type { NativeWeight } from "../addon/handles.js";
import { addon } from "../addon.js";
import type { NativeBackend } from "../backend.js";
import { CompactWeight } from "../storage.js";
import type { NativeKernel } from "./kernel.js";

interface Transposed {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** `BatchMatMul` of float32: panels in registers, on all threads; compact weights are decoded as they are copied into them. */
export const batchMatMulKernel: NativeKernel = {
  name: "BatchMatMul",
  run(backend, { a, b }: { a: TensorInfo; b: TensorInfo }, attributes: Transposed) {
    return multiply(backend, a, b, attributes);
  },
};

type FusedInputs = { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo };
type FusedAttributes = Transposed & { activation?: string; leakyreluAlpha?: number };

/** `_FusedMatMul`: the product, then whatever kernels this backend has for the sum with the bias and for the activation. */
export const fusedMatMulKernel: NativeKernel = {
  name: "_FusedMatMul",
  run(backend, { a, b, bias, preluActivationWeights: alpha }: FusedInputs, attributes: FusedAttributes) {
    const { activation = "linear", leakyreluAlpha } = attributes;
    const name = ACTIVATIONS[activation];
    if (name === undefined) return undefined;
    let out = multiply(backend, a, b, attributes);
    const then = (kernel: string, inputs: Record<string, TensorInfo>, attrs = {}) => {
      const before = out!;
      out = getKernel(kernel, "native").kernelFunc({ inputs, attrs, backend }) as TensorInfo;
      backend.disposeIntermediateTensorInfo(before);
    };
    if (out && bias) then("Add", { a: out, b: bias });
    if (out && name) then(name, alpha ? { x: out, alpha } : { x: out }, { alpha: leakyreluAlpha });
    return out;
  },
};

/** Kernels of activations by tfjs's names. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  linear: "",
  relu: "Relu",
  relu6: "Relu6",
  elu: "Elu",
  sigmoid: "Sigmoid",
  leakyrelu: "LeakyRelu",
  prelu: "Prelu",
};

/** Computes the product; undefined leaves it to the cpu kernel: other dtypes, empty tensors, shapes that do not fit. */
function multiply(backend: NativeBackend, a: TensorInfo, b: TensorInfo, { transposeA, transposeB }: Transposed) {
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [m, depth] = lastTwo(a.shape, transposeA);
  const [inner, n] = lastTwo(b.shape, transposeB);
  if (inner !== depth || util.sizeFromShape(a.shape) === 0 || util.sizeFromShape(b.shape) === 0) return undefined;
  const aOuter = a.shape.slice(0, -2);
  const bOuter = b.shape.slice(0, -2);
  const outer = backend_util.assertAndGetBroadcastShape(aOuter, bOuter);
  const out = backend.output([...outer, m, n]);
  addon().matMul(
    backend.floats(out),
    matrices(backend, a),
    matrices(backend, b),
    broadcast(aOuter, outer),
    broadcast(bOuter, outer),
    m,
    depth,
    n,
    transposeA,
    transposeB,
  );
  return out;
}

/** Returns the compact weight of a tensor as matrices of its shape if possible; else the tensor's values. */
export function matrices(backend: NativeBackend, tensor: TensorInfo): NativeWeight | Float32Array {
  const { foreign } = backend.tensorData(tensor);
  const shape = tensor.shape.slice(-2) as [number, number];
  return (foreign instanceof CompactWeight && foreign.asMatrices(shape)) || backend.floats(tensor);
}

function lastTwo(shape: readonly number[], transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** Returns, for each matrix of a batch of shape `to`, the index of its factor in a batch of shape `from`. */
function broadcast(from: readonly number[], to: readonly number[]): Int32Array {
  const indices = new Int32Array(util.sizeFromShape(to as number[]));
  let repeat = 1;
  let stride = 1;
  for (let fromEnd = 1; fromEnd <= to.length; fromEnd++) {
    const size = to[to.length - fromEnd]!;
    const own = from[from.length - fromEnd] ?? 1;
    if (own > 1) for (let i = 0; i < indices.length; i++) indices[i]! += (Math.floor(i / repeat) % size) * stride;
    repeat *= size;
    stride *= own;
  }
  return indices;
}
