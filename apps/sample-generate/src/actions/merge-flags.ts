import type { LoadFlags } from "@mixtape/command-line/load";
import type { Dtype } from "@mixtape/safetensors";

/** Dtypes of a merged checkpoint, under the names of configs and of safetensors. */
export const MERGE_DTYPES = { float32: "F32", bfloat16: "BF16", float16: "F16" } as const satisfies Record<
  string,
  Dtype
>;

/** Flags of `sample-generate merge`. */
export interface MergeFlags extends Omit<LoadFlags, "precision"> {
  readonly adapter: string;
  readonly output: string;
  readonly dtype?: keyof typeof MERGE_DTYPES;
  /** In bytes. */
  readonly maxShardSize?: number;
  readonly json?: boolean;
}
