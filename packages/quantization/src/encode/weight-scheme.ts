/** Integers that a weight is quantised to: symmetric, with a scale per group of values along a row. */
export interface IntegerScheme {
  readonly type: "int";
  readonly bits: 4 | 8;
  /** Values along a row that share a scale, or one scale per row: `channel`. */
  readonly groupSize: number | "channel";
}

/** Floats of 8 bits (E4M3) that a weight is quantised to, with a scale per row. */
export interface FloatScheme {
  readonly type: "float";
  readonly bits: 8;
  readonly groupSize: "channel";
}

/** Numbers that a weight is quantised to. */
export type WeightScheme = IntegerScheme | FloatScheme;
