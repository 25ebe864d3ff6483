import type { BackAttributes } from "@mixtape/ops";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../backend.js";

/** What a kernel of the way back is called with: the op's inputs, the gradients of its outputs, and which are wanted. */
export type Back<K extends { readonly inputs: object; readonly attrs: object }> = {
  readonly inputs: K["inputs"] & { readonly dy0: TensorInfo };
  readonly attrs: BackAttributes<K["attrs"]>;
};

/** A tensor for the gradient of each input that is wanted, of the input's shape: by name. */
export class Wanted {
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

  /** Some of them; the others are disposed. */
  only(wanted: readonly string[]): TensorInfo[] {
    for (const [name, tensor] of this.#byName)
      if (!wanted.includes(name)) this.#backend.disposeIntermediateTensorInfo(tensor);
    return wanted.map((name) => this.#byName.get(name)!);
  }

  /** The array of a gradient, for the addon to fill; null where it is not wanted. */
  floats(name: string): Float32Array | null {
    const tensor = this.#byName.get(name);
    return tensor ? this.#backend.floats(tensor) : null;
  }
}

/** A gradient that is another tensor's values. */
export function sameAs(backend: NativeBackend, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}
