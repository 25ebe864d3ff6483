import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Host, HostKernel } from "./host.js";

/** Computes `linear` as one product, without tensors that only reshape. */
export const linearKernel: HostKernel = {
  name: "MixtapeLinear",
  backends: ["cpu", "wasm"],
  run(host, inputs: { x: TensorInfo; weight: TensorInfo; bias?: TensorInfo }, { transposed }: { transposed: boolean }) {
    const product = host.multiply(inputs.x, inputs.weight, transposed);
    if (inputs.bias) addBias(host, product, inputs.bias);
    const out = product.shape[1]!;
    return { ...product, shape: [...inputs.x.shape.slice(0, -1), out] };
  },
};

/** Adds a bias to each row of a product, in place. */
export function addBias(host: Host, product: TensorInfo, bias: TensorInfo): void {
  const added = host.floats(bias);
  const y = host.floats(product);
  for (let i = 0; i < y.length; i++) y[i]! += added[i % added.length]!;
}
