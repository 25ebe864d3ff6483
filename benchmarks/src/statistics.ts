import { max, median, min } from "simple-statistics";

/** A figure that was measured several times. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Number of measurements. */
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const all = [...values];
  return { median: median(all), min: min(all), max: max(all), count: all.length };
}
