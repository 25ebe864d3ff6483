import { type KernelFunc, registerKernel, type TensorInfo, unregisterKernel } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../backend.js";

/** A kernel of the native backend. */
export interface NativeKernel {
  /** Name under which `ops`, or tfjs, asks for it. */
  readonly name: string;
  /**
   * Runs the kernel. One that replaces a kernel of tfjs's cpu backend may return undefined to leave the work to that one.
   *
   * A method, not a property: a kernel may narrow the inputs and attributes that it takes to its contract's.
   */
  run(backend: NativeBackend, inputs: Record<string, TensorInfo>, attrs: object): TensorInfo | TensorInfo[] | undefined;
}

/** Registers a kernel, in place of one that was inherited from tfjs's cpu backend. */
export function registerNativeKernel({ name, run }: NativeKernel, takenOver: KernelFunc | undefined): void {
  if (takenOver) unregisterKernel(name, "native");
  registerKernel({
    kernelName: name,
    backendName: "native",
    kernelFunc: (args) => {
      const { inputs, attrs } = args;
      const backend = args.backend as NativeBackend;
      return backend.runKernel(
        () => run(backend, inputs as Record<string, TensorInfo>, attrs ?? {}) ?? takenOver!(args),
      );
    },
  });
}

/** Returns the values of an optional input, as the addon takes them. */
export function floatsOrNull(backend: NativeBackend, tensor: TensorInfo | undefined): Float32Array | null {
  return tensor ? backend.floats(tensor) : null;
}
