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

/** Kernels in TypeScript. */
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
 * Registers the fused kernels in TypeScript with tfjs's `cpu` or `wasm` backend. On these engines a small operation costs more
 * than its arithmetic, and a chain of them more than one pass over memory. No-op for other engines.
 */
export function registerHostKernels(backend: string): void {
  if (backend === "cpu") replaceSliceOfCpu();
  for (const kernel of HOST_KERNELS) {
    const own = kernel.backends.find((name) => name === backend);
    if (own && !getKernel(kernel.name, own)) registerHostKernel(kernel, own satisfies HostBackend);
  }
}
