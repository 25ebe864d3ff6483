/** From what was sampled to what is reported. */

import type { Entry } from "../race.js";
import type { Sample } from "../runners/runner.js";
import { type Spread, spreadOf } from "../statistics.js";
import type { Task } from "../tasks.js";
import type { ShapeResults } from "./results.js";

/** One figure of one runner. */
export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly runner: string;
  readonly spread: Spread;
  /** How many times better than the baseline. */
  readonly ratio: number;
  /** Shares of what could be reached; null where nothing bounds the figure. */
  readonly ofOwnProducts: number | null;
  readonly ofMachine: number | null;
}

type Figure = Pick<Measure, "what" | "unit" | "runner" | "spread" | "ofOwnProducts" | "ofMachine"> & {
  readonly lessIsBetter: boolean;
};

/**
 * Every figure of every runner, figure by figure.
 * @param baseline whose figures the ratios are against; of each figure the worst where absent
 */
export function measuresOf(shape: ShapeResults, tasks: readonly Task[], baseline?: string): Measure[] {
  const figures = [
    shape.entries.map((entry) => loadFigure(entry)),
    ...tasks.map((task) => shape.entries.map((entry) => speedFigure(entry, task, shape))),
    shape.entries.map((entry) => memoryFigure(entry, tasks)),
  ];
  return figures.flatMap((row) => row.map((figure) => ({ ...figure, ratio: ratioOf(figure, row, baseline) })));
}

/** Tokens per second of one process: the median of its runs. */
export function tokensPerSecond({ runs }: Sample, task: Task): number {
  if (task.measures === "prefill")
    return (1000 * task.promptTokens) / spreadOf(runs.map(({ firstTokenMs }) => firstTokenMs)).median;
  return (1000 * (task.newTokens - 1)) / spreadOf(runs.map(({ restMs }) => restMs)).median;
}

function loadFigure({ name, samples }: Entry): Figure {
  const all = Object.values(samples).flat();
  return unbounded("load", "ms", name, spreadOf(all.map(({ loadMs }) => loadMs)));
}

function memoryFigure({ name, samples }: Entry, tasks: readonly Task[]): Figure {
  const largest = tasks.reduce((a, b) => (b.promptTokens + b.newTokens > a.promptTokens + a.newTokens ? b : a));
  const bytes = samples[largest.name]!.map(({ peakRssBytes }) => peakRssBytes / 2 ** 20);
  return unbounded(`peak resident memory, ${largest.title}`, "MiB", name, spreadOf(bytes));
}

function unbounded(what: string, unit: string, runner: string, spread: Spread): Figure {
  return { what, unit, runner, spread, lessIsBetter: true, ofOwnProducts: null, ofMachine: null };
}

function speedFigure(entry: Entry, task: Task, { work, entries, weightsMemory }: ShapeResults): Figure {
  const spread = spreadOf(entry.samples[task.name]!.map((sample) => tokensPerSecond(sample, task)));
  const figure = { what: task.title, unit: "tokens/s", runner: entry.name, spread, lessIsBetter: false };
  if (task.measures === "decode") {
    const bytes = 4 * work.weights * spread.median;
    return {
      ...figure,
      ofOwnProducts: bytes / entry.products.vector.bytesPerSecond,
      ofMachine: bytes / weightsMemory.allThreads,
    };
  }
  const perToken = work.weights - work.headWeights + work.headWeights / task.promptTokens;
  const flops = 2 * perToken * spread.median;
  const best = Math.max(...entries.map(({ products }) => products.matrix.flopsPerSecond));
  return { ...figure, ofOwnProducts: flops / entry.products.matrix.flopsPerSecond, ofMachine: flops / best };
}

function ratioOf(figure: Figure, row: readonly Figure[], baseline: string | undefined): number {
  const against = row.find(({ runner }) => runner === baseline) ?? row.reduce((a, b) => (isBetter(a, b) ? b : a));
  const ratio = figure.spread.median / against.spread.median;
  return figure.lessIsBetter ? 1 / ratio : ratio;
}

function isBetter(a: Figure, b: Figure): boolean {
  return a.lessIsBetter ? a.spread.median < b.spread.median : a.spread.median > b.spread.median;
}
