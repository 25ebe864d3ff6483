import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { spreadOf } from "../statistics.js";
import { readBandwidth } from "./bandwidth.js";

/** The machine that the figures were taken on. */
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

/**
 * Returns the number of runnable processes, averaged over the last minute; more than cores means that processes wait.
 */
export function load(): number {
  return loadavg()[0]!;
}

/** Memory bandwidth, in bytes per second. */
export interface Bandwidth {
  /** Bytes read by all threads together. */
  readonly bytes: number;
  readonly oneThread: number;
  /** One thread per core. */
  readonly allThreads: number;
}

/**
 * Reads this many bytes repeatedly, with one thread and with one per core. Returns the best of five, since it is a
 * bound.
 */
export async function measureBandwidth(bytes: number): Promise<Bandwidth> {
  const bestOf = async (threads: number): Promise<number> => {
    const all: number[] = [];
    for (let i = 0; i < 5; i++) all.push(await readBandwidth({ bytes, threads }));
    return spreadOf(all).max;
  };
  return { bytes, oneThread: await bestOf(1), allThreads: await bestOf(availableParallelism()) };
}
