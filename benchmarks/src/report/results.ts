import type { Peaks } from "@mixtape/native";
import type { Bandwidth, Machine } from "../machine/machine.js";
import type { Outcome } from "../race.js";
import type { Work } from "../shapes/work.js";
import type { Task } from "../tasks.js";

/** All that was measured: what `--json` writes, and what the tables are made of. */
export interface Results {
  /** One, or several whose shapes are reported together, the first first. */
  readonly runs: readonly BenchRun[];
  readonly machine: Machine;
  /** Reading memory that no cache holds. */
  readonly memory: Bandwidth;
  /** Null where `native` is not here to measure them. */
  readonly peaks: Peaks | null;
  readonly shapes: readonly ShapeResults[];
  /** Runners that were looked for and are not here, and why. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

/** One `npm run bench`. */
export interface BenchRun {
  readonly date: string;
  /** Its arguments. */
  readonly args: string;
  readonly rounds: number;
  /** The load average of the last minute as the run began, and as it ended. */
  readonly load: { readonly before: number; readonly after: number };
}

export interface ShapeResults extends Outcome {
  readonly name: string;
  readonly description: string;
  readonly tasks: readonly Task[];
  readonly work: Work;
  /** Reading as many bytes as a token is multiplied by, split over the threads. */
  readonly weightsMemory: Bandwidth;
}
