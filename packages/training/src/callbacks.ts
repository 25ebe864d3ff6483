import { checkOptions, type OptionNames } from "@mixtape/errors";
import { expectThat } from "./checks.js";
import type { TrainingStep } from "./metrics.js";

/** Stops a run from within a callback. */
export interface TrainControl {
  /**
   * Ends the run after this step as if it were its last: it is saved, and the best parameters are restored if they are
   * kept.
   */
  stop(): void;
}

/** The beginning of a run, or of a resumed part of one. */
export interface TrainBegin {
  /** Steps taken before, 0 for a new run. */
  readonly step: number;
  readonly maxSteps: number;
}

/** The result of an evaluation during a run. */
export interface EvaluateEvent {
  readonly step: number;
  /** In nats per token. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Whether the loss is the lowest so far. */
  readonly isBest: boolean;
}

/** A save of the run. */
export interface SaveEvent {
  readonly step: number;
  readonly folder: string;
}

/** The end of a run. An interrupted or failed run has none. */
export interface TrainEnd {
  readonly step: number;
  /** The step with the lowest held-out loss; null if nothing was evaluated. */
  readonly bestStep: number | null;
}

/**
 * Functions that a run calls, named like those of transformers' `TrainerCallback`. Each may be asynchronous: the run
 * waits for it. An error thrown by one ends the run.
 */
export interface TrainCallbacks {
  readonly onTrainBegin?: (event: TrainBegin, control: TrainControl) => void | Promise<void>;
  /** Called after each step of the optimiser, and after its evaluation and save. */
  readonly onStepEnd?: (step: TrainingStep, control: TrainControl) => void | Promise<void>;
  readonly onEvaluate?: (event: EvaluateEvent, control: TrainControl) => void | Promise<void>;
  readonly onSave?: (event: SaveEvent, control: TrainControl) => void | Promise<void>;
  readonly onTrainEnd?: (event: TrainEnd) => void | Promise<void>;
}

const NAMES: OptionNames<TrainCallbacks> = {
  onTrainBegin: true,
  onStepEnd: true,
  onEvaluate: true,
  onSave: true,
  onTrainEnd: true,
};

/** @throws {OptionError} for an unknown callback @throws {TrainingError} for one that is not a function */
export function checkCallbacks(callbacks: TrainCallbacks): void {
  checkOptions("callbacks", callbacks, NAMES);
  for (const [name, callback] of Object.entries(callbacks))
    expectThat(callback === undefined || typeof callback === "function", `callbacks.${name}`, "a function", callback);
}
