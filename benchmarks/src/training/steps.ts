/** Repetition and timing of steps. `python/training_peer.py` does the same. */

import { timed } from "../child/repeat.js";

/** Number and duration of training steps. */
export interface Pace {
  /** Number of warm-up steps, whose losses are compared; and minimum number of measured steps. */
  readonly steps: number;
  /** Minimum duration of both. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

export const PACE: Pace = { steps: 5, warmUpMs: 2000, measuredMs: 5000 };

/** Runs warm-up steps, then measured steps, and returns the milliseconds of each of these. */
export async function collectSteps(
  step: () => Promise<void>,
  { steps, warmUpMs, measuredMs }: Pace,
): Promise<number[]> {
  await collect(step, steps, warmUpMs);
  return collect(step, steps, measuredMs);
}

async function collect(step: () => Promise<void>, steps: number, leastMs: number): Promise<number[]> {
  const times: number[] = [];
  let total = 0;
  while (times.length < steps || total < leastMs) {
    const ms = await timed(step);
    times.push(ms);
    total += ms;
  }
  return times;
}
