/** Fine-tuning jobs of a run, and their hyperparameters. */

import type { AdapterConfig } from "@mixtape/peft";
import type { TrainFlags } from "./flags.js";

/** Fine-tuning of the model itself, or of an adapter on it. A run has one job, or one for each adapter. */
export interface FineTuningJob {
  /** Name of an adapter; `model` for the model itself. */
  readonly name: string;
  /** Null for the model itself. */
  readonly adapter: AdapterConfig | null;
  readonly data: string;
  readonly batchSize: number;
  readonly maxLength: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly loraPlusRatio: number;
  readonly schedule: "constant" | "linear" | "cosine";
  /** Null for 3 % of its steps. */
  readonly warmupSteps: number | null;
  readonly weightDecay: number;
  readonly maxGradNorm: number;
}

/** Hyperparameters of a job: from flags, and defaults. */
export function hyperparametersOf(
  flags: TrainFlags,
  isFull: boolean,
): Omit<FineTuningJob, "name" | "adapter" | "data"> {
  return {
    batchSize: flags.batchSize ?? 8,
    maxLength: flags.maxLength ?? 256,
    epochs: flags.epochs ?? 1,
    learningRate: flags.learningRate ?? (isFull ? 5e-5 : 2e-4),
    loraPlusRatio: flags.loraPlusRatio ?? 1,
    schedule: flags.schedule ?? "cosine",
    warmupSteps: flags.warmupSteps ?? null,
    weightDecay: flags.weightDecay ?? 0.01,
    maxGradNorm: flags.maxGradNorm ?? 1,
  };
}
