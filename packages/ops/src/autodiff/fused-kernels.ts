import type { TensorInfo } from "@tensorflow/tfjs-core";

/** Arguments of an engine's kernel, as tfjs passes them: `TensorInfo` in place of each tensor of the op. */
export interface FusedKernel<I extends object, A extends object> {
  readonly inputs: { readonly [name in keyof I]: undefined extends I[name] ? TensorInfo | undefined : TensorInfo };
  readonly attrs: A;
}

/** Attributes of an op without attributes. */
export type NoAttributes = Record<never, never>;

/**
 * Fused kernels that ops ask an engine for, with their inputs and attributes. The file of each op adds its own by declaration
 * merging. The composition of the op defines the result of the kernel.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the files of the ops fill it
export interface FusedKernels {}

/** Name of a fused kernel. */
export type FusedKernelName = keyof FusedKernels;

const names = new Set<string>();

/** Lists the fused kernel of an op. Called when the op is defined. */
export function listKernel(name: string): void {
  names.add(name);
}

/** Returns the fused kernels of all ops that are defined so far. */
export function listedKernels(): string[] {
  return [...names];
}
