import { type KernelFunc, registerKernel, type TensorInfo, unregisterKernel } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../backend.js";

/** A kernel of the native backend. */
export interface NativeKernel {
  /** The name under which `ops`, or tfjs, asks for it. */
  readonly name: string;
  /**
   * In place of a kernel of tfjs's cpu backend it may return undefined: what it does not do, that one does.
   *
   * A method, not a property: a kernel may narrow the inputs and attributes that it takes to its contract's.
   */
  run(backend: NativeBackend, inputs: Record<string, TensorInfo>, attrs: object): TensorInfo | TensorInfo[] | undefined;
}

/** Registers a kernel, in place of the one that was taken over from tfjs's cpu backend where there is one. */
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

/** The numbers of an input that may be absent, as the addon takes them. */
export function floatsOrNull(backend: NativeBackend, tensor: TensorInfo | undefined): Float32Array | null {
  return tensor ? backend.floats(tensor) : null;
}
