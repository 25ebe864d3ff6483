import type { EngineFlags } from "@mixtape/command-line/load";

/** Flags of `sample-generate quantize`. */
export interface QuantizeFlags extends EngineFlags {
  readonly model: string;
  readonly output: string;
  readonly weights?: "int4" | "int8" | "fp8";
  readonly groupSize?: number | "channel";
  readonly embeddings?: "int8" | "none";
  /** Modules whose weights stay as they are. */
  readonly keep?: readonly string[];
  /** JSON file. */
  readonly recipe?: string;
  /** Text file on which matrices of 4 bits are calibrated. */
  readonly calibration?: string;
  readonly calibrationTokens?: number;
  /** In bytes. */
  readonly maxShardSize?: number;
  readonly ignore?: readonly string[];
  readonly json?: boolean;
}
