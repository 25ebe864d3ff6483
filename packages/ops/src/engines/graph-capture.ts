import type { Tensor } from "@tensorflow/tfjs-core";

/** A function of tensors. It leaves all tensors but its result to the `tf.tidy` around it. */
export type TensorFunction = (inputs: readonly Tensor[]) => Tensor;

/** The kernels that a function asked an engine for, to run again without the function. Garbage collection frees its memory. */
export interface CapturedGraph {
  /** Returns whether the other graph runs the same kernels on the same weights and constants, in the same order. */
  equals(other: CapturedGraph): boolean;
  /**
   * Runs the kernels again.
   * @param inputs of the shapes that were captured
   * @returns a new tensor
   */
  replay(inputs: readonly Tensor[]): Tensor;
}

/** Result of a captured run. */
export interface CaptureResult {
  readonly output: Tensor;
  /** The graph, or the reason of the graph break if a replay would not do all that the function did. */
  readonly graph: CapturedGraph | string;
}

/** Captures the kernels that a function asks an engine for, as CUDA graphs do. */
export interface GraphCapture {
  /** Runs a function and captures it. */
  capture(f: TensorFunction, inputs: readonly Tensor[]): CaptureResult;
}
