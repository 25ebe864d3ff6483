/** How steps are repeated and timed. `python/training_peer.py` does the same. */

import { timed } from "../child/repeat.js";

/** How many losses are compared. */
export const LOSSES = 5;

const WARM_UP = { steps: LOSSES, ms: 2000 };
const MEASURED = { steps: 5, ms: 5000 };

/** Does steps that warm up, then steps that are measured: how long each of these took, in milliseconds. */
export async function collectSteps(step: () => Promise<void>): Promise<number[]> {
  await collect(step, WARM_UP);
  return collect(step, MEASURED);
}

async function collect(step: () => Promise<void>, least: { steps: number; ms: number }): Promise<number[]> {
  const times: number[] = [];
  let total = 0;
  while (times.length < least.steps || total < least.ms) {
    const ms = await timed(step);
    times.push(ms);
    total += ms;
  }
  return times;
}
