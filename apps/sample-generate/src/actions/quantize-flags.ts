/** Flags of `sample-generate quantize`. */
export interface QuantizeFlags {
  readonly model: string;
  readonly output: string;
  readonly weights?: "int4" | "int8";
  readonly groupSize?: number | "channel";
  readonly embeddings?: "int8" | "none";
  /** Modules whose weights stay as they are. */
  readonly keep?: readonly string[];
  /** JSON file. */
  readonly recipe?: string;
  /** In bytes. */
  readonly maxShardSize?: number;
  readonly ignore?: readonly string[];
  readonly json?: boolean;
}
