import type { Files } from "../shapes/shape.js";
import type { Task } from "../tasks.js";

/**
 * Whoever runs a model. A runner is one file beside this one, and a line in `runners.ts`. Each of its measurements is a process
 * of its own.
 */
export interface Runner {
  readonly name: string;
  /** Whether it is another project's, which Mixtape is compared with. */
  readonly peer: boolean;
  /** Which of a shape's files it loads. */
  readonly reads: "folder" | "gguf";
  /** What it is, with versions, or why it does not run here. */
  find(): Promise<Found>;
  /** Loads a model, and does each task several times. */
  run(files: Files, tasks: readonly Task[]): Promise<Sample>;
  /** How fast its own matrix products are: what its model could not outrun. */
  products?(files: Files): Promise<Products>;
  /** How fast its kernels are alone, looking back at so many tokens at most. */
  kernels?(files: Files, longest: number): Promise<KernelMeasure[]>;
  /** What a decode step does, where tfjs can tell. */
  profile?(files: Files): Promise<StepProfile>;
}

export type Found = { readonly description: string } | { readonly missing: string };

/** What one process measured. */
export interface Sample extends Answer {
  /** As far as the system says. */
  readonly memory: Memory | null;
}

/** What the process says itself. */
export interface Answer {
  /** From the start of the process until all weights are there. */
  readonly loadMs: number;
  /** By task. */
  readonly runs: Readonly<Record<string, readonly Run[]>>;
  /** What it chose on its own, in words. */
  readonly remark?: string;
}

/** One doing of a task. */
export interface Run {
  /** From the prompt to the first new token. */
  readonly firstTokenMs: number;
  /** From the first new token to the last. */
  readonly restMs: number;
}

/** The most that was resident at any time; the parts need not have been at their most together. */
export interface Memory {
  readonly residentBytes: number;
  /** Of files: weights that lie where they were mapped, and libraries. */
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
}

/** Products of the runner alone, without a model. */
export interface Products {
  /** One row by a square matrix of about as many weights as a token is multiplied by. */
  readonly vector: { readonly size: number; readonly bytesPerSecond: number };
  /** As many rows by a square matrix. */
  readonly matrix: { readonly size: number; readonly flopsPerSecond: number };
}

/** One kernel, at the sizes of a model. */
export interface KernelMeasure {
  readonly name: string;
  readonly tokens: number;
  /** What it must read and write at least. */
  readonly bytes: number;
  readonly flops: number;
  readonly ms: number;
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
  /** A step as text is generated, which the engine may repeat by itself. */
  readonly generatedMs: number;
  /** A step whose kernels JavaScript runs, without a profiler. */
  readonly stepMs: number;
  /** The sum of its kernels, by name. */
  readonly kernelMs: Readonly<Record<string, number>>;
}
