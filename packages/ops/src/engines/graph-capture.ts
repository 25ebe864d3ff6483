import type { Tensor } from "@tensorflow/tfjs-core";

/** A function of tensors. What it makes besides its result it leaves to the `tf.tidy` around it. */
export type Step = (inputs: readonly Tensor[]) => Tensor;

/** What a step asked of an engine, to be asked again without the step. Its memory is garbage once nobody holds it. */
export interface RecordedStep {
  /** Whether the other asks for the same kernels, of the same weights and constants, one after the other. */
  equals(other: RecordedStep): boolean;
  /**
   * Asks for all of it again.
   * @param inputs of the shapes that were recorded
   * @returns a new tensor
   */
  repeat(inputs: readonly Tensor[]): Tensor;
}

/** A step that was run, and what can be said of repeating it. */
export interface Recorded {
  readonly output: Tensor;
  /** What it asked for, or in a few words why that is not all that it did. */
  readonly step: RecordedStep | string;
}

/** What an engine offers that can note what a step asks of it, as CUDA graphs do. */
export interface StepRecorder {
  /** Runs a step, and notes what it asks for. */
  record(step: Step, inputs: readonly Tensor[]): Recorded;
}
