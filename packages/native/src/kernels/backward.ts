import type { BackAttributes } from "@mixtape/ops";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../backend.js";

/**
 * Arguments of a backward kernel: the inputs of the op, the gradients with respect to its outputs, and the names of wanted
 * gradients.
 */
export type BackwardKernel<K extends { readonly inputs: object; readonly attrs: object }> = {
  readonly inputs: K["inputs"] & { readonly dy0: TensorInfo };
  readonly attrs: BackAttributes<K["attrs"]>;
};

/** Tensors for the wanted gradients, each of its input's shape, by name. */
export class GradientOutputs {
  readonly all: readonly TensorInfo[];
  readonly #backend: NativeBackend;
  readonly #byName: ReadonlyMap<string, TensorInfo>;

  constructor(
    backend: NativeBackend,
    inputs: Readonly<Record<string, TensorInfo | undefined>>,
    wanted: readonly string[],
  ) {
    this.#backend = backend;
    this.#byName = new Map(wanted.map((name) => [name, backend.output(inputs[name]!.shape)]));
    this.all = [...this.#byName.values()];
  }

  /** Returns some of them and disposes the others. */
  only(wanted: readonly string[]): TensorInfo[] {
    for (const [name, tensor] of this.#byName)
      if (!wanted.includes(name)) this.#backend.disposeIntermediateTensorInfo(tensor);
    return wanted.map((name) => this.#byName.get(name)!);
  }

  /** Returns the array of a gradient, for the addon to fill; null if it is not wanted. */
  floats(name: string): Float32Array | null {
    const tensor = this.#byName.get(name);
    return tensor ? this.#backend.floats(tensor) : null;
  }
}

/** Returns a gradient that shares another tensor's values. */
export function sameAs(backend: NativeBackend, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}
