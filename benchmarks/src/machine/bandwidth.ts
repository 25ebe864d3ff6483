/** Memory bandwidth of this machine, as far as JavaScript can measure it: by `memcmp`. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";

/**
 * Returns bytes per second of all threads together.
 * @param bytes split over the threads; each reads its share repeatedly.
 */
export async function readBandwidth({ bytes, threads }: { bytes: number; threads: number }): Promise<number> {
  const gate = new SharedArrayBuffer(4);
  // Half a second at 16 GB/s.
  const times = Math.max(1, Math.round(8e9 / bytes));
  const workerData = { bytes: 2 * Math.floor(bytes / threads / 2), times, gate };
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL("./bandwidth-worker.js", import.meta.url), { workerData }),
  );
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const finished = workers.map((worker) => once(worker, "message") as Promise<[number]>);
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  const seconds = (await Promise.all(finished)).map(([taken]) => taken);
  return (threads * times * workerData.bytes) / Math.max(...seconds);
}
