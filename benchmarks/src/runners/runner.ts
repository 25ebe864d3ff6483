import type { Task } from "../tasks.js";

/**
 * Whoever runs a model. A runner is one file beside this one, and a line in `runners.ts`. Each of its measurements is a process
 * of its own.
 */
export interface Runner {
  readonly name: string;
  /** What it is, with versions, or why it does not run here. */
  find(): Promise<Found>;
  /** Loads the checkpoint in a folder, and does a task several times. */
  run(folder: string, task: Task): Promise<Sample>;
  /** How fast its own matrix products are: what its model could not outrun. */
  products(folder: string): Promise<Products>;
  /** What a decode step does, where tfjs can tell. */
  profile?(folder: string): Promise<StepProfile>;
}

export type Found = { readonly description: string } | { readonly missing: string };

/** What one process measured of one task, after warm-up. */
export interface Sample {
  /** From the start of preparing the engine until all weights are on it. */
  readonly loadMs: number;
  readonly runs: readonly { readonly firstTokenMs: number; readonly restMs: number }[];
  /** The largest resident set of the process, Node and its garbage included. */
  readonly peakRssBytes: number;
}

/** Products of the runner alone, without a model. */
export interface Products {
  /** One row by a square matrix of about as many weights as a token is multiplied by. */
  readonly vector: { readonly size: number; readonly bytesPerSecond: number };
  /** As many rows by a square matrix. */
  readonly matrix: { readonly size: number; readonly flopsPerSecond: number };
}

/** Kernels by name. */
export type Counts = Readonly<Record<string, number>>;

/** What decode steps did. Counts are the same in every step; times are medians over steps. */
export interface StepProfile {
  /** How many tokens were in the cache. */
  readonly context: number;
  readonly kernels: Counts;
  /** Of the MoE layer that runs the most. */
  readonly moeLayer: Counts;
  /** Of the MoE block in it: router, experts, shared experts. */
  readonly moeBlock: Counts;
  readonly moeLayers: number;
  readonly expertsPerToken: number;
  /** Tensors read back from the engine; and those that the engine's own kernels read in the same way. */
  readonly readBacks: { readonly total: number; readonly mostInALayer: number; readonly mostInKernelsOfALayer: number };
  /** A step as it is, without a profiler. */
  readonly stepMs: number;
  /** The sum of its kernels, by name. */
  readonly kernelMs: Readonly<Record<string, number>>;
}
