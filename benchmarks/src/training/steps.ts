/** How steps are repeated and timed. `python/training_peer.py` does the same. */

import { timed } from "../child/repeat.js";

/** How long a process trains. */
export interface Pace {
  /** Steps that warm up, and whose losses are compared; and as many that are measured, at least. */
  readonly steps: number;
  /** So long both take at least. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

export const PACE: Pace = { steps: 5, warmUpMs: 2000, measuredMs: 5000 };

/** Does steps that warm up, then steps that are measured: how long each of these took, in milliseconds. */
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
