/** Computes the reported figures from the samples. */

import type { Entry } from "../race.js";
import type { Run } from "../runners/runner.js";
import { prefillFlops } from "../shapes/work.js";
import { type Spread, spreadOf } from "../statistics.js";
import { heatsOf, type Task } from "../tasks.js";
import { boundOf, type Limits } from "./bounds.js";
import type { Results, ShapeResults } from "./results.js";

/** One figure of one runner. */
export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly runner: string;
  readonly spread: Spread;
  /** Factor by which it is better than its baseline; null without one. */
  readonly ratio: number | null;
  /** Fractions of the attainable speed; null if there is no bound. */
  readonly ofOwnProducts: number | null;
  readonly ofBound: number | null;
}

/** Baseline of ratios: a runner's name, or, for each figure, the best of the peers or the worst of all. */
export type Baseline = string;
export const BEST_PEER: Baseline = "best peer";
export const SLOWEST: Baseline = "slowest";

type Figure = Omit<Measure, "ratio"> & { readonly peer: boolean; readonly lessIsBetter: boolean };

/** Returns the default baseline of a shape's runners. */
export function usualBaseline({ entries }: Pick<ShapeResults, "entries">): Baseline {
  return entries.some(({ peer }) => peer) ? BEST_PEER : SLOWEST;
}

/** Returns every figure of every runner, figure by figure. */
export function measuresOf(shape: ShapeResults, { peaks }: Pick<Results, "peaks">, baseline: Baseline): Measure[] {
  const limits = { ...shape, peaks };
  const figures = [
    shape.entries.map((entry) => loadFigure(entry)),
    ...shape.tasks.map((task) => shape.entries.map((entry) => figureOf(entry, task, limits))),
  ];
  return figures.flatMap((row) =>
    row.map(({ lessIsBetter, peer, ...figure }) => ({
      ...figure,
      ratio: ratioOf({ ...figure, lessIsBetter, peer }, row, baseline),
    })),
  );
}

/** Returns tokens per second of one process, those of all rows: the median of its runs. */
export function tokensPerSecond(runs: readonly Run[], task: Task): number {
  if (task.measures === "prefill")
    return (1000 * task.promptTokens) / spreadOf(runs.map(({ firstTokenMs }) => firstTokenMs)).median;
  const tokens = (task.rows ?? 1) * (task.newTokens - 1);
  return (1000 * tokens) / spreadOf(runs.map(({ restMs }) => restMs)).median;
}

function loadFigure({ name, peer, samples }: Entry): Figure {
  const all = Object.values(samples).flat();
  return {
    what: "load, from process start",
    unit: "ms",
    runner: name,
    peer,
    spread: spreadOf(all.map(({ loadMs }) => loadMs)),
    lessIsBetter: true,
    ofOwnProducts: null,
    ofBound: null,
  };
}

function figureOf(entry: Entry, task: Task, limits: Limits): Figure {
  const [heat] = heatsOf([task]);
  const samples = entry.samples[heat!.name]!;
  const figure = { what: task.title, runner: entry.name, peer: entry.peer, ofOwnProducts: null, ofBound: null };
  if (task.measures === "start") {
    const spread = spreadOf(samples.map(({ loadMs, runs }) => loadMs + runs[task.name]![0]!.firstTokenMs));
    return { ...figure, unit: "ms", spread, lessIsBetter: true };
  }
  const spread = spreadOf(samples.map(({ runs }) => tokensPerSecond(runs[task.name]!, task)));
  const bound = boundOf(task, limits);
  return {
    ...figure,
    unit: "tokens/s",
    spread,
    lessIsBetter: false,
    ofOwnProducts: ofOwnProducts(entry, task, limits, spread.median),
    ofBound: bound && spread.median / bound,
  };
}

/** Only engines that keep weights in float32. */
function ofOwnProducts(
  { products }: Entry,
  { measures, promptTokens }: Task,
  { work }: Limits,
  speed: number,
): number | null {
  if (!products) return null;
  if (measures === "decode") return (4 * work.weights * speed) / products.vector.bytesPerSecond;
  return ((prefillFlops(work, promptTokens) / promptTokens) * speed) / products.matrix.flopsPerSecond;
}

function ratioOf(figure: Figure, row: readonly Figure[], baseline: Baseline): number | null {
  const against = againstWhom(row, baseline);
  if (!against) return null;
  const ratio = figure.spread.median / against.spread.median;
  return figure.lessIsBetter ? 1 / ratio : ratio;
}

function againstWhom(row: readonly Figure[], baseline: Baseline): Figure | undefined {
  if (baseline === SLOWEST) return row.reduce((a, b) => (isBetter(a, b) ? b : a));
  if (baseline !== BEST_PEER) return row.find(({ runner }) => runner === baseline);
  return row.filter(({ peer }) => peer).reduce<Figure | undefined>((a, b) => (a && isBetter(a, b) ? a : b), undefined);
}

function isBetter(a: Figure, b: Figure): boolean {
  return a.lessIsBetter ? a.spread.median < b.spread.median : a.spread.median > b.spread.median;
}
