import { type Tensor, type TensorInfo, tensor } from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Host, HostKernel } from "../../src/kernels/host.js";
import { multiplyOnHost } from "../../src/kernels/multiply-on-host.js";
import { withKernel } from "./kernels.js";
import { sizeOf, type Values } from "./values.js";

/**
 * A host whose memory moves with every tensor that is made, as wasm's does when it grows: arrays that were asked for before
 * hold nothing but NaN after.
 */
export class MovingHost implements Host {
  readonly #memory = new Map<object, Float32Array | Int32Array>();

  /** A tensor with values. */
  tensor({ shape, dtype, values }: Values): TensorInfo {
    const dataId = {};
    this.#memory.set(dataId, values.slice());
    return { dataId, shape: [...shape], dtype };
  }

  output(shape: readonly number[], dtype: "float32" | "int32"): TensorInfo {
    for (const [dataId, values] of this.#memory) {
      this.#memory.set(dataId, values.slice());
      values.fill(values instanceof Float32Array ? Number.NaN : -(2 ** 31));
    }
    // Memory that was used before holds anything.
    const size = sizeOf(shape);
    const values = dtype === "float32" ? new Float32Array(size).fill(99) : new Int32Array(size).fill(99);
    return this.tensor({ shape, dtype, values });
  }

  floats({ dataId }: TensorInfo): Float32Array {
    return this.#memory.get(dataId) as Float32Array;
  }

  ints({ dataId }: TensorInfo): Int32Array {
    return this.#memory.get(dataId) as Int32Array;
  }

  multiply(x: TensorInfo, weight: TensorInfo, transposed: boolean): TensorInfo {
    const width = x.shape.at(-1)!;
    const out = this.output([sizeOf(x.shape) / width, weight.shape[transposed ? 1 : 0]!], "float32");
    multiplyOnHost(this.floats(x), this.floats(weight), this.floats(out), width, transposed);
    return out;
  }

  free({ dataId }: TensorInfo): void {
    this.#memory.delete(dataId);
  }

  /** How many tensors there are. */
  get tensors(): number {
    return this.#memory.size;
  }
}

/** Runs `f` with this kernel, on a moving host, as the only fused one of the engine in use. */
export function onMovingHost<T>(kernel: HostKernel, f: () => T): T {
  return withKernel(
    kernel.name,
    ({ inputs, attrs }) => {
      const host = new MovingHost();
      const copies = Object.entries(inputs).map(([name, input]) => [name, host.tensor(valuesOf(input as Tensor))]);
      const before = host.tensors;
      const out = kernel.run(host, Object.fromEntries(copies), attrs ?? {});
      expect(host.tensors - before).toBe(1);
      return tensor(out.dtype === "int32" ? host.ints(out) : host.floats(out), out.shape, out.dtype);
    },
    f,
  );
}

function valuesOf(input: Tensor): Values {
  const values = input.dataSync() as Float32Array | Int32Array;
  return { shape: input.shape, dtype: input.dtype as Values["dtype"], values };
}
