import type { TensorInfo } from "@tensorflow/tfjs-core";
import { addon } from "../addon.js";
import type { NativeKernel } from "./kernel.js";

/** Numbers of the functions in the addon, by tfjs's names. */
const OPERATIONS = {
  Exp: 0,
  Sigmoid: 1,
  Tanh: 2,
  Erf: 3,
  Neg: 4,
  Square: 5,
  Sqrt: 6,
  Rsqrt: 7,
  Relu: 8,
  Softplus: 9,
} as const;

/** Functions of float32 numbers. */
export const unaryKernels: readonly NativeKernel[] = Object.entries(OPERATIONS).map(([name, operation]) => ({
  name,
  run(backend, { x }: { x: TensorInfo }) {
    if (x.dtype !== "float32") return undefined;
    const out = backend.output(x.shape);
    addon().unary(backend.floats(out), backend.floats(x), operation);
    return out;
  },
}));
