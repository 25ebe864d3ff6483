/** How fast a shape could be on this machine. */

import type { KernelMeasure } from "../runners/runner.js";
import { decodeBytes, prefillBytes, prefillFlops } from "../shapes/work.js";
import type { Task } from "../tasks.js";
import type { Results, ShapeResults } from "./results.js";

/** What bounds a shape's speed. */
export type Limits = Pick<ShapeResults, "work" | "weightsMemory"> & Pick<Results, "peaks">;

/** Bytes per second: what a native kernel read, or `memcmp` where there is none. */
function bandwidthOf({ peaks, weightsMemory }: Limits): number {
  return peaks?.readBytesPerSecond ?? weightsMemory.allThreads;
}

/**
 * The most tokens per second that a task could be done with: in decoding every weight that a token meets is read once; in
 * prefilling every weight that some token meets is read once, or all is multiplied at the bfloat16 peak, whichever takes
 * longer. Null where that peak is not known, and for what no such bound holds.
 */
export function boundOf({ measures, promptTokens }: Task, limits: Limits): number | null {
  const { work, peaks } = limits;
  if (measures === "decode") return bandwidthOf(limits) / decodeBytes(work);
  if (measures === "start" || !peaks) return null;
  const computing = prefillFlops(work, promptTokens) / peaks.bfloat16FlopsPerSecond;
  const reading = prefillBytes(work, promptTokens) / bandwidthOf(limits);
  return promptTokens / Math.max(computing, reading);
}

/** The least milliseconds that a kernel could take. Null where what bounds it is not known: computing without a peak. */
export function kernelBoundMs({ bytes, flops }: KernelMeasure, limits: Limits): number | null {
  if (!limits.peaks) return null;
  return 1000 * Math.max(bytes / bandwidthOf(limits), flops / limits.peaks.bfloat16FlopsPerSecond);
}
