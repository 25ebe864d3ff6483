import type { Peaks } from "@mixtape/native";
import type { Bandwidth, Machine } from "../machine/machine.js";
import type { Outcome } from "../race.js";
import type { Work } from "../shapes/work.js";
import type { Task } from "../tasks.js";

/** All measurements: the contents of `--json`, and the source of the tables. */
export interface Results {
  /** One run, or several whose shapes are reported together, in order. */
  readonly runs: readonly BenchRun[];
  readonly machine: Machine;
  /** Bandwidth of memory outside the caches. */
  readonly memory: Bandwidth;
  /** Null if `native` is not available to measure them. */
  readonly peaks: Peaks | null;
  readonly shapes: readonly ShapeResults[];
  /** Runners that were not found, with reasons. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

/** One `npm run bench`. */
export interface BenchRun {
  readonly date: string;
  /** Command line arguments. */
  readonly args: string;
  readonly rounds: number;
  /** Load average of the last minute at the beginning and at the end of the run. */
  readonly load: { readonly before: number; readonly after: number };
}

export interface ShapeResults extends Outcome {
  readonly name: string;
  readonly description: string;
  readonly tasks: readonly Task[];
  readonly work: Work;
  /** Bandwidth for as many bytes as the weights that a token uses, split over the threads. */
  readonly weightsMemory: Bandwidth;
}
