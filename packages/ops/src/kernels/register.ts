import { getKernel } from "@tensorflow/tfjs-core";
import { attentionKernel } from "./attention.js";
import { gateKernel } from "./gate.js";
import { gatedMlpKernel } from "./gated-mlp.js";
import { type HostBackend, type HostKernel, registerHostKernel } from "./host.js";
import { linearKernel } from "./linear.js";
import { rmsNormKernel } from "./rms-norm.js";
import { rotaryKernel } from "./rotary.js";
import { replaceSliceOfCpu } from "./slice.js";
import { takeAlongAxisKernel } from "./take-along-axis.js";
import { topKIndicesKernel } from "./top-k-indices.js";
import { unsortedSegmentSumKernel } from "./unsorted-segment-sum.js";

/** All kernels that are written in TypeScript. */
export const HOST_KERNELS: readonly HostKernel[] = [
  linearKernel,
  rmsNormKernel,
  rotaryKernel,
  attentionKernel,
  gateKernel,
  gatedMlpKernel,
  topKIndicesKernel,
  takeAlongAxisKernel,
  unsortedSegmentSumKernel,
];

/**
 * Gives tfjs's `cpu` or `wasm` backend the fused kernels that are written in TypeScript. On these engines a small operation
 * costs more than its arithmetic, and a chain of them more than one pass over memory. Other engines are left as they are.
 */
export function registerHostKernels(backend: string): void {
  if (backend === "cpu") replaceSliceOfCpu();
  for (const kernel of HOST_KERNELS) {
    const own = kernel.backends.find((name) => name === backend);
    if (own && !getKernel(kernel.name, own)) registerHostKernel(kernel, own satisfies HostBackend);
  }
}
