import { registerKernel, type TensorInfo, unregisterKernel } from "@tensorflow/tfjs-core";
import type { NativeBackend } from "../backend.js";

/** A kernel of the native backend. */
export interface NativeKernel {
  /** The name under which `ops`, or tfjs, asks for it. */
  readonly name: string;
  // A method, not a property: a kernel may narrow the inputs and attributes that it takes to its contract's.
  run(backend: NativeBackend, inputs: Record<string, TensorInfo>, attrs: object): TensorInfo | TensorInfo[];
}

/** Registers a kernel, in place of the one that was taken over from tfjs's cpu backend. */
export function registerNativeKernel({ name, run }: NativeKernel, isTakenOver: boolean): void {
  if (isTakenOver) unregisterKernel(name, "native");
  registerKernel({
    kernelName: name,
    backendName: "native",
    kernelFunc: ({ inputs, attrs, backend }) =>
      run(backend as NativeBackend, inputs as Record<string, TensorInfo>, attrs ?? {}),
  });
}
