/** Requests to a training process, and its answers. */

import type { AdapterConfigInput } from "@mixtape/peft";
import type { Memory } from "../runners/runner.js";
import type { Pace } from "./steps.js";
import type { TogetherTask, TrainingTask } from "./tasks.js";

export type TrainingRequest =
  | { readonly kind: "find" }
  /** Writes an initial adapter, so that all trainers start from the same. */
  | { readonly kind: "adapter"; readonly model: string; readonly adapter: AdapterConfigInput; readonly to: string }
  | { readonly kind: "train"; readonly task: TrainingTask; readonly files: TrainingFiles; readonly pace: Pace }
  | { readonly kind: "together"; readonly task: TogetherTask; readonly folder: string; readonly pace: Pace };

export interface TrainingFiles {
  /** Folder of the checkpoint, or GGUF file. */
  readonly model: string;
  /** Folder of the adapter in Hugging Face PEFT's format; null if all parameters train. */
  readonly adapter: string | null;
}

/** Measurements of one process. */
export interface TrainingAnswer {
  /** Number of trainable parameters. */
  readonly trainable: number;
  /** Losses of the first steps, in nats per token: all runners compute the same. */
  readonly losses: readonly number[];
  /** Durations of the steps after the warm-up. */
  readonly stepMs: readonly number[];
  /** Its own choices, in words. */
  readonly remark?: string;
}

export interface TrainingSample extends TrainingAnswer {
  /** Null if the system does not report it. */
  readonly memory: Memory | null;
}

/** Steps of four adapters at once, and of each one after another, in turns in one process. */
export interface TogetherAnswer {
  readonly togetherMs: readonly number[];
  readonly apartMs: readonly number[];
}
