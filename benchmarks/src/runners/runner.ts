import type { Files } from "../shapes/shape.js";
import type { Task } from "../tasks.js";

/**
 * A program that runs a model. A runner is one file beside this one, and a line in `runners.ts`. Each of its
 * measurements is a separate process.
 */
export interface Runner {
  readonly name: string;
  /** Whether it is another project, which Mixtape is compared with. */
  readonly peer: boolean;
  /** Returns the file, or the folder of files, that it loads. One in a format of its own is made first. */
  reads(files: Files): string | Promise<string>;
  /** Returns its description, with versions, or the reason why it does not work here. */
  find(): Promise<Found>;
  /** Loads a model, and runs each task several times. */
  run(files: Files, tasks: readonly Task[]): Promise<Sample>;
  /** Measures its own matrix products, which bound the speed of its model. */
  products?(files: Files): Promise<Products>;
  /** Measures its kernels alone, with attention to at most `longest` tokens; null for weights whose bytes it does not count. */
  kernels?(files: Files, longest: number): Promise<KernelMeasure[] | null>;
  /** Profiles a decode step, if tfjs can. */
  profile?(files: Files): Promise<StepProfile>;
}

export type Found = { readonly description: string } | { readonly missing: string };

/** Measurements of one process. */
export interface Sample extends Answer {
  /** Null if the system does not report it. */
  readonly memory: Memory | null;
}

/** Figures reported by the process itself. */
export interface Answer {
  /** Time from the start of the process until all weights are loaded. */
  readonly loadMs: number;
  /** Runs by task. */
  readonly runs: Readonly<Record<string, readonly Run[]>>;
  /** Its own choices, in words. */
  readonly remark?: string;
}

/** One run of a task. */
export interface Run {
  /** Time from the prompt to the first new token. */
  readonly firstTokenMs: number;
  /** Time from the first new token to the last. */
  readonly restMs: number;
  /** Processor time of the whole process meanwhile: what other work on the machine takes is not in it. */
  readonly restCpuMs: number;
}

/** Maximum resident memory; the maxima of the parts need not coincide. */
export interface Memory {
  readonly residentBytes: number;
  /** Bytes of files: memory-mapped weights, and libraries. */
  readonly mappedBytes: number;
  readonly anonymousBytes: number;
}

/** Matrix products of the runner alone, without a model. */
export interface Products {
  /** One row by a square matrix of about as many weights as a token uses. */
  readonly vector: { readonly size: number; readonly bytesPerSecond: number };
  /** As many rows by a square matrix. */
  readonly matrix: { readonly size: number; readonly flopsPerSecond: number };
}

/** One kernel, at the sizes of a model. */
export interface KernelMeasure {
  readonly name: string;
  readonly tokens: number;
  /** Minimum bytes that it must read and write. */
  readonly bytes: number;
  readonly flops: number;
  readonly ms: number;
}

/** Kernels by name. */
export type Counts = Readonly<Record<string, number>>;

/** Profile of decode steps. Counts are the same in every step; times are medians over steps. */
export interface StepProfile {
  /** Number of tokens in the cache. */
  readonly context: number;
  readonly kernels: Counts;
  /** Kernels of the MoE layer that runs the most. */
  readonly moeLayer: Counts;
  /** Kernels of the MoE block in it: router, experts, shared experts. */
  readonly moeBlock: Counts;
  readonly moeLayers: number;
  readonly expertsPerToken: number;
  /** Tensors read back from the engine; and those that the engine's own kernels read in the same way. */
  readonly readBacks: { readonly total: number; readonly mostInALayer: number; readonly mostInKernelsOfALayer: number };
  /** Time of a step in text generation, which the engine may run as a captured graph. */
  readonly generatedMs: number;
  /** Time of a step whose kernels JavaScript runs, without a profiler. */
  readonly stepMs: number;
  /** Total time of its kernels, by name. */
  readonly kernelMs: Readonly<Record<string, number>>;
}
