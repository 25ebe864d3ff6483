import type { TensorInfo } from "@tensorflow/tfjs-core";

/** What an engine's kernel is called with, as tfjs has it: `TensorInfo` where the op has a tensor. */
export interface FusedKernel<I extends object, A extends object> {
  readonly inputs: { readonly [name in keyof I]: undefined extends I[name] ? TensorInfo | undefined : TensorInfo };
  readonly attrs: A;
}

/** The attributes of an op that has none. */
export type NoAttributes = Record<never, never>;

/**
 * The fused kernels that ops ask an engine for, each with its inputs and attributes: every op's file adds its own, by declaration
 * merging. The composition of the op defines what a kernel has to give.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the files of the ops fill it
export interface FusedKernels {}

/** The name of a fused kernel. */
export type FusedKernelName = keyof FusedKernels;

const names = new Set<string>();

/** Notes the fused kernel of an op; called as the op is defined. */
export function listKernel(name: string): void {
  names.add(name);
}

/** The fused kernels of all ops that were defined until now. */
export function listedKernels(): string[] {
  return [...names];
}
