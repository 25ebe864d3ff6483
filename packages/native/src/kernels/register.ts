import { copyRegisteredKernels, getKernel } from "@tensorflow/tfjs-core";
import { attentionKernel } from "./attention.js";
import { embeddingKernel } from "./embedding.js";
import { expertsKernel } from "./experts.js";
import { gateKernel } from "./gate.js";
import { gatedMlpKernel } from "./gated-mlp.js";
import { type NativeKernel, registerNativeKernel } from "./kernel.js";
import { linearKernel } from "./linear.js";
import { rmsNormKernel } from "./rms-norm.js";
import { rotaryKernel } from "./rotary.js";
import { takeAlongKernel } from "./take-along.js";
import { topKIndicesKernel } from "./top-k-indices.js";

/** The kernels of this package. All others are tfjs's, of its cpu backend. */
const NATIVE_KERNELS: readonly NativeKernel[] = [
  attentionKernel,
  linearKernel,
  embeddingKernel,
  rmsNormKernel,
  rotaryKernel,
  gateKernel,
  gatedMlpKernel,
  expertsKernel,
  topKIndicesKernel,
  takeAlongKernel,
];

/** Gives the backend `native` its kernels. */
export function registerKernels(): void {
  copyRegisteredKernels("cpu", "native");
  for (const kernel of NATIVE_KERNELS) registerNativeKernel(kernel, getKernel(kernel.name, "native") !== undefined);
}
