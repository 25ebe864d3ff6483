/** Integers that a weight is quantised to: symmetric, with a scale per group of values along a row. */
export interface IntegerScheme {
  readonly bits: 4 | 8;
  /** Values along a row that share a scale, or one scale per row: `channel`. */
  readonly groupSize: number | "channel";
}
