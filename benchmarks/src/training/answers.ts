/** What is asked of a process that trains, and what it answers. */

import type { AdapterConfigInput } from "@mixtape/peft";
import type { Memory } from "../runners/runner.js";
import type { Pace } from "./steps.js";
import type { TogetherTask, TrainingTask } from "./tasks.js";

export type TrainingRequest =
  | { readonly kind: "find" }
  /** Writes an adapter as it is before training, so that all start from the same. */
  | { readonly kind: "adapter"; readonly folder: string; readonly adapter: AdapterConfigInput; readonly to: string }
  | { readonly kind: "train"; readonly task: TrainingTask; readonly files: TrainingFiles; readonly pace: Pace }
  | { readonly kind: "together"; readonly task: TogetherTask; readonly folder: string; readonly pace: Pace };

export interface TrainingFiles {
  /** The checkpoint. */
  readonly folder: string;
  /** The folder of the adapter in Hugging Face PEFT's format; null where all parameters train. */
  readonly adapter: string | null;
}

/** What one process measured. */
export interface TrainingAnswer {
  /** The parameters that train. */
  readonly trainable: number;
  /** Of the first steps, in nats per token: all runners compute the same. */
  readonly losses: readonly number[];
  /** Of the steps after those that warmed up. */
  readonly stepMs: readonly number[];
  /** What it chose on its own, in words. */
  readonly remark?: string;
}

export interface TrainingSample extends TrainingAnswer {
  /** As far as the system says. */
  readonly memory: Memory | null;
}

/** Steps of four adapters at once, and steps of each one after another, in turns in one process. */
export interface TogetherAnswer {
  readonly togetherMs: readonly number[];
  readonly apartMs: readonly number[];
}
