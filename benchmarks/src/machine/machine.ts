import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { spreadOf } from "../statistics.js";
import { readBandwidth } from "./bandwidth.js";

/** What the figures were taken on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}, ${arch()}`,
    node: process.version,
  };
}

/** Runnable processes, averaged over the last minute; more than cores means that processes wait. */
export function load(): number {
  return loadavg()[0]!;
}

/** Reading memory, in bytes per second. */
export interface Bandwidth {
  /** Of all threads together. */
  readonly bytes: number;
  readonly oneThread: number;
  /** One thread per core. */
  readonly allThreads: number;
}

/** Reads as many bytes over and over again, by one thread and by one per core. The best of five: it is a bound. */
export async function measureBandwidth(bytes: number): Promise<Bandwidth> {
  const bestOf = async (threads: number): Promise<number> => {
    const all: number[] = [];
    for (let i = 0; i < 5; i++) all.push(await readBandwidth({ bytes, threads }));
    return spreadOf(all).max;
  };
  return { bytes, oneThread: await bestOf(1), allThreads: await bestOf(availableParallelism()) };
}
