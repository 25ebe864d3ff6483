/** Flags of `sample-train`, checked one by one. */

import type { LoadFlags } from "@mixtape/command-line/load";
import type { Task } from "@mixtape/mixtape";
import type { Method } from "@mixtape/peft";

/** Training methods: the model itself, or a kind of adapter. */
export const METHODS = {
  full: true,
  lora: true,
  rslora: true,
  dora: true,
  loramoe: true,
  mola: true,
  mixlora: true,
  "mixlora-dynamic": true,
  "mixlora-switch": true,
} satisfies Record<Method | "full", true>;

/** Flags that determine the result of a run. */
export interface TrainFlags {
  readonly model: string;
  /** Default: text generation. */
  readonly task?: Task;
  readonly data?: string;
  readonly ignoreKeys?: readonly string[];
  /** A file with the chat template. */
  readonly chatTemplate?: string;
  readonly method?: Method | "full";
  readonly adapters?: string;
  /** Keys of the adapters' entries to ignore. */
  readonly ignore?: readonly string[];
  readonly eval?: string;
  readonly evalEvery?: number;
  readonly keepBest?: boolean;
  readonly patience?: number;
  readonly baseName?: string;
  readonly resizeEmbeddings?: boolean;
  readonly rank?: number;
  readonly alpha?: number;
  readonly dropout?: number;
  readonly target?: readonly string[];
  readonly numExperts?: number;
  readonly steps?: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly accumulate?: number;
  readonly maxLength?: number;
  readonly pack?: boolean;
  readonly learningRate?: number;
  readonly loraPlusRatio?: number;
  readonly schedule?: "constant" | "linear" | "cosine";
  readonly warmupSteps?: number;
  readonly weightDecay?: number;
  readonly maxGradNorm?: number;
  readonly auxLossCoef?: number;
  readonly zLossCoef?: number;
  readonly expertBiasRate?: number;
  readonly gradientCheckpointing?: boolean;
  readonly seed?: number;
  readonly saveEvery?: number;
}

/** All flags. With `--resume`, those that determine the result may be omitted. */
export interface Flags extends Omit<TrainFlags, "model">, Omit<LoadFlags, "model" | "adapter"> {
  readonly model?: string;
  readonly output: string;
  readonly resume?: boolean;
  readonly restart?: boolean;
  readonly showData?: number;
  readonly json?: boolean;
  readonly debug?: boolean;
}
