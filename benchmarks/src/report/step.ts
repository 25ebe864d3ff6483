/** Figures of a decode step. */

import type { Counts, StepProfile } from "../runners/runner.js";

/** Kernels that are matrix products, at least mostly. */
export const PRODUCTS: ReadonlySet<string> = new Set([
  "BatchMatMul",
  "_FusedMatMul",
  "MixtapeLinear",
  "MixtapeProjectHeads",
  "MixtapeGatedMlp",
  "MixtapeExperts",
]);

/** Returns the allowed number of kernels of a MoE layer in a decode step with k experts per token. */
export function kernelBound(expertsPerToken: number): number {
  return 30 + 8 * expertsPerToken;
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** Fractions of the time of a step, which sum to 1. */
export interface Shares {
  readonly products: number;
  readonly otherKernels: number;
  /** JavaScript around the kernels: modules, tfjs's bookkeeping. */
  readonly outside: number;
}

export function sharesOf({ stepMs, kernelMs }: StepProfile): Shares {
  const sumOf = (wanted: (name: string) => boolean): number =>
    Object.entries(kernelMs).reduce((sum, [name, ms]) => (wanted(name) ? sum + ms : sum), 0);
  const products = sumOf((name) => PRODUCTS.has(name)) / stepMs;
  const otherKernels = sumOf((name) => !PRODUCTS.has(name)) / stepMs;
  return { products, otherKernels, outside: 1 - products - otherKernels };
}
