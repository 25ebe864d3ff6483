/** Upper bounds of the speed of a shape on this machine. */

import type { KernelMeasure } from "../runners/runner.js";
import { prefillFlops, stepBytes } from "../shapes/work.js";
import type { Task } from "../tasks.js";
import type { Results, ShapeResults } from "./results.js";

/** Limits of a shape's speed. */
export type Limits = Pick<ShapeResults, "work" | "weightsMemory"> & Pick<Results, "peaks">;

/** Bytes per second: measured by a native kernel, or by `memcmp` without one. */
function bandwidthOf({ peaks, weightsMemory }: Limits): number {
  return peaks?.readBytesPerSecond ?? weightsMemory.allThreads;
}

/**
 * Returns the maximum tokens per second of a task: in decoding every weight that some row uses is read once a step; in
 * prefilling every weight that some token uses is read once, or all is multiplied at the bfloat16 peak, whichever takes
 * longer. Null if that peak is unknown, or there is no such bound.
 */
export function boundOf({ measures, promptTokens, rows = 1 }: Task, limits: Limits): number | null {
  const { work, peaks } = limits;
  if (measures === "decode") return (rows * bandwidthOf(limits)) / stepBytes(work, rows);
  if (measures === "start" || !peaks) return null;
  const computing = prefillFlops(work, promptTokens) / peaks.bfloat16FlopsPerSecond;
  const reading = stepBytes(work, promptTokens) / bandwidthOf(limits);
  return promptTokens / Math.max(computing, reading);
}

/** Returns the minimum milliseconds of a kernel. Null if its limit is unknown: computing without a peak. */
export function kernelBoundMs({ bytes, flops }: KernelMeasure, limits: Limits): number | null {
  if (!limits.peaks) return null;
  return 1000 * Math.max(bytes / bandwidthOf(limits), flops / limits.peaks.bfloat16FlopsPerSecond);
}
