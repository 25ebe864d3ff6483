/** Peak performance of the processor, measured with the instructions of the kernels. */

import { PRECISIONS, type Precision } from "./addon/handles.js";
import { addon } from "./addon.js";

/** Bounds of this machine with the engine's number of threads. */
export interface Peaks {
  /** Read bandwidth of all threads in memory that no cache holds. */
  readonly readBytesPerSecond: number;
  /** Products of bfloat16 pairs in registers on all threads; of float32 without that instruction. */
  readonly bfloat16FlopsPerSecond: number;
  /** Multiplications and additions of float32 in registers on all threads. */
  readonly float32FlopsPerSecond: number;
}

/** More bytes than the last-level cache of any processor of today. */
const READ_BYTES = 5 * 2 ** 28;
/** About ten milliseconds of work. */
const ROUNDS = 2 ** 20;
const TRIES = 10;

/**
 * Measures bounds for benchmarks: the best of several runs. Takes about a second and 1.25 GiB of memory.
 * @throws {NativeError} if the binary does not load.
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
