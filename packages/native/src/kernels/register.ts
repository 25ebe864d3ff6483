import { copyRegisteredKernels, getKernel } from "@tensorflow/tfjs-core";
import { type NativeKernel, registerNativeKernel } from "./kernel.js";
import { linearKernel } from "./linear.js";

/** The kernels of this package. All others are tfjs's, of its cpu backend. */
const NATIVE_KERNELS: readonly NativeKernel[] = [linearKernel];

/** Gives the backend `native` its kernels. */
export function registerKernels(): void {
  copyRegisteredKernels("cpu", "native");
  for (const kernel of NATIVE_KERNELS) registerNativeKernel(kernel, getKernel(kernel.name, "native") !== undefined);
}
