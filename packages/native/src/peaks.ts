/** What the processor can do at most, measured with the instructions that kernels use. */

import { addon, PRECISIONS, type Precision } from "./addon.js";

/** Bounds of this machine, with as many threads as the engine has. */
export interface Peaks {
  /** All threads reading through memory that no cache holds. */
  readonly readBytesPerSecond: number;
  /** All threads multiplying bfloat16 pairs in registers; where there is no such instruction, as float32. */
  readonly bfloat16FlopsPerSecond: number;
  /** All threads multiplying and adding float32 numbers in registers. */
  readonly float32FlopsPerSecond: number;
}

/** More than the last-level cache of any processor of today. */
const READ_BYTES = 5 * 2 ** 28;
/** Some ten milliseconds of work. */
const ROUNDS = 2 ** 20;
const TRIES = 10;

/**
 * Measures bounds for benchmarks: the best of some tries. Takes about a second, and 1.25 GiB of memory meanwhile.
 * @throws {NativeError} where the binary does not load.
 */
export function measurePeaks(): Peaks {
  const native = addon();
  const bytes = new Uint8Array(READ_BYTES).fill(1);
  return {
    readBytesPerSecond: best(() => {
      native.readAll(bytes);
      return bytes.length;
    }),
    bfloat16FlopsPerSecond: flopsPerSecond("bfloat16"),
    float32FlopsPerSecond: flopsPerSecond("float32"),
  };
}

function flopsPerSecond(precision: Precision): number {
  return best(() => addon().multiplyRounds(PRECISIONS[precision], ROUNDS));
}

/** @param work returns how much it did */
function best(work: () => number): number {
  let most = 0;
  for (let i = 0; i < TRIES; i++) {
    const start = performance.now();
    const done = work();
    most = Math.max(most, (done * 1000) / (performance.now() - start));
  }
  return most;
}
