import type { Found } from "../runners/runner.js";
import type { TrainingFiles, TrainingSample } from "./answers.js";
import type { TrainingTask } from "./tasks.js";

/** A program that trains a model. */
export interface Trainer {
  readonly name: string;
  /** Whether it is another project, which Mixtape is compared with. */
  readonly peer: boolean;
  /** Returns its description, with versions, or the reason why it does not work here. */
  find(): Promise<Found>;
  /** Whether it reads the weights of a task. */
  canTrain(task: TrainingTask): boolean;
  /** Trains in a separate process. */
  train(task: TrainingTask, files: TrainingFiles): Promise<TrainingSample>;
}
