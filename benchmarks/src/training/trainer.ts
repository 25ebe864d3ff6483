import type { Found } from "../runners/runner.js";
import type { TrainingFiles, TrainingSample } from "./answers.js";
import type { TrainingTask } from "./tasks.js";

/** Whoever trains a model. */
export interface Trainer {
  readonly name: string;
  /** Whether it is another project's, which Mixtape is compared with. */
  readonly peer: boolean;
  /** What it is, with versions, or why it does not run here. */
  find(): Promise<Found>;
  /** Trains in a process of its own. */
  train(task: TrainingTask, files: TrainingFiles): Promise<TrainingSample>;
}
