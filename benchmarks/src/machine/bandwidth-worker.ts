/** Compares two large buffers on request, and reports the duration of each comparison. */

import { parentPort, workerData } from "node:worker_threads";

const { bytes, times, gate } = workerData as { bytes: number; times: number; gate: SharedArrayBuffer };
// Filled, so that every page is allocated: untouched memory is one page of zeros, and comes from the cache.
const a = Buffer.alloc(bytes / 2, 1);
const b = Buffer.alloc(bytes / 2, 1);
const readAll = (): void => {
  if (!a.equals(b)) throw new Error("expected two buffers of the same bytes");
};
readAll();
const opened = new Int32Array(gate);
parentPort!.postMessage("ready");
Atomics.wait(opened, 0, 0);
const begin = performance.now();
for (let i = 0; i < times; i++) readAll();
parentPort!.postMessage((performance.now() - begin) / 1000);
