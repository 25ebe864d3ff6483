import type { Routing } from "./routing.js";

/** One setting in which both programs run. */
export interface LargerTask {
  readonly name: string;
  readonly title: string;
  /** Routers of the file. */
  readonly routing: Routing;
  /** Memory of the processes as a share of the file, page cache included; null for no limit, with a warm page cache. */
  readonly memoryShare: number | null;
  /** Steps before those that count: with a limit, until what is in memory no longer depends on the start. */
  readonly warmUpSteps: number;
  readonly steps: number;
  /** Number of times that a prompt of 512 tokens is read, after the steps. */
  readonly prefills: number;
}

export const LARGER_TASKS: readonly LargerTask[] = [
  {
    name: "whole",
    title: "the whole file in memory",
    routing: "uniform",
    memoryShare: null,
    warmUpSteps: 8,
    steps: 24,
    prefills: 2,
  },
  {
    name: "half-uniform",
    title: "half the memory, uniform routing",
    routing: "uniform",
    memoryShare: 0.5,
    warmUpSteps: 24,
    steps: 24,
    prefills: 2,
  },
  {
    name: "half-skewed",
    title: "half the memory, skewed routing",
    routing: "skewed",
    memoryShare: 0.5,
    warmUpSteps: 40,
    steps: 24,
    prefills: 2,
  },
];
