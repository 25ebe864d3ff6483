import { expect, test } from "vitest";
import type { Entry } from "../src/race.js";
import { boundOf } from "../src/report/bounds.js";
import { BEST_PEER, measuresOf, SLOWEST, tokensPerSecond, usualBaseline } from "../src/report/measures.js";
import type { ShapeResults } from "../src/report/results.js";
import type { Products, Sample } from "../src/runners/runner.js";
import type { Task } from "../src/tasks.js";

const START: Task = { name: "s", title: "start", promptTokens: 10, newTokens: 2, measures: "start" };
const PREFILL: Task = { name: "p", title: "prefill", promptTokens: 100, newTokens: 1, measures: "prefill" };
const DECODE: Task = { name: "d", title: "decode", promptTokens: 10, newTokens: 11, measures: "decode" };

const run = (ms: number) => ({ firstTokenMs: ms, restMs: ms, restCpuMs: ms });
const sample = (runs: Sample["runs"], loadMs: number): Sample => ({ loadMs, runs, memory: null });
const entry = (name: string, ms: number, { peer = false, products = null as Products | null } = {}): Entry => ({
  name,
  description: name,
  peer,
  samples: {
    start: [sample({ s: [run(ms)] }, 1000)],
    speed: [sample({ p: [run(ms), run(ms), run(9 * ms)], d: [run(ms)] }, 3000)],
  },
  products,
  kernels: null,
  profile: null,
});
const products = (flopsPerSecond: number): Products => ({
  vector: { size: 1, bytesPerSecond: 16_000 },
  matrix: { size: 1, flopsPerSecond },
});
/** 4 weights of 2 bytes each: 1 of the head, and 2 of a fourth of the 8 in experts. */
const SHAPE: ShapeResults = {
  name: "shape",
  description: "",
  tasks: [START, PREFILL, DECODE],
  work: { weights: 4, headWeights: 1, bytes: 8, routedBytes: 4, routedShare: 0.25, summary: "" },
  weightsMemory: { bytes: 8, oneThread: 8000, allThreads: 16_000 },
  failed: [],
  entries: [entry("slow", 100, { products: products(60_200) }), entry("fast", 50, { products: products(120_400) })],
};
const NO_PEAKS = { peaks: null };
const figures = (shape: ShapeResults, results: Parameters<typeof measuresOf>[1], baseline: string) =>
  measuresOf(shape, results, baseline).map(
    ({ what, runner, spread, ratio, ofOwnProducts, ofBound }) =>
      [`${what} ${runner}`, spread.median, ratio, ofOwnProducts, ofBound] as const,
  );

test("a process's figure is the median of its runs", () => {
  const runs = [50, 100, 10_000].map((ms) => ({ firstTokenMs: ms, restMs: ms / 5, restCpuMs: ms / 5 }));
  expect(tokensPerSecond(runs, PREFILL)).toBe(1000);
  expect(tokensPerSecond(runs, DECODE)).toBe(500);
});

test("figures with their ratios and shares of what bounds them", () => {
  expect(figures(SHAPE, NO_PEAKS, SLOWEST)).toEqual([
    // The median of both heats' processes.
    ["load, from process start slow", 2000, 1, null, null],
    ["load, from process start fast", 2000, 1, null, null],
    ["start slow", 1100, 1, null, null],
    ["start fast", 1050, 1100 / 1050, null, null],
    // 3 weights for every token and the head's 1 for the last: 2 · 3.01 FLOP for each of 1000 and 2000 tokens.
    ["prefill slow", 1000, 1, 0.1, null],
    ["prefill fast", 2000, 2, 0.1, null],
    // 16 bytes in float32, 8 on disk, for each of 100 and 200 tokens.
    ["decode slow", 100, 1, 0.1, 0.05],
    ["decode fast", 200, 2, 0.2, 0.1],
  ]);
});

test("measured peaks bound prefilling by what takes longer, and take memcmp's place in decoding", () => {
  const peaks = { readBytesPerSecond: 3200, bfloat16FlopsPerSecond: 60_200, float32FlopsPerSecond: 1 };
  const only = { ...SHAPE, tasks: [PREFILL, DECODE] };
  const sharesOf = (results: Parameters<typeof measuresOf>[1]) =>
    Object.fromEntries(figures(only, results, SLOWEST).map(([name, , , , ofBound]) => [name, ofBound]));
  // 602 FLOP in 10 ms, 20 bytes in 6.25 ms: 10,000 tokens/s at most.
  expect(sharesOf({ peaks })["prefill fast"]).toBeCloseTo(0.2, 12);
  expect(sharesOf({ peaks })["decode fast"]).toBe(0.5);
  // 20 bytes in 20 ms: 2 of the head and others than experts, and all 8 of the experts, which 100 tokens surely meet.
  const slowMemory = { ...peaks, readBytesPerSecond: 1000 };
  expect(sharesOf({ peaks: slowMemory })["prefill fast"]).toBeCloseTo(0.4, 9);
});

test("rows decode together: their tokens are summed, and their experts are read once", () => {
  const rows: Task = { ...DECODE, rows: 4 };
  expect(tokensPerSecond([{ firstTokenMs: 1, restMs: 100, restCpuMs: 1 }], rows)).toBe(400);
  const peaks = { readBytesPerSecond: 1000, bfloat16FlopsPerSecond: 1, float32FlopsPerSecond: 1 };
  const bound = (task: Task) => boundOf(task, { ...SHAPE, peaks });
  expect(bound(DECODE)).toBe(1000 / 8);
  // 4 bytes outside of the experts, and of their 16 those that four rows meet, each a fourth.
  expect(bound(rows)).toBeCloseTo((4 * 1000) / (4 + 16 * (1 - 0.75 ** 4)), 9);
});

test("ratios are against whom is named, or against the best of the peers", () => {
  const ratios = (shape: ShapeResults, baseline: string) =>
    measuresOf({ ...shape, tasks: [DECODE] }, NO_PEAKS, baseline)
      .filter(({ what }) => what === "decode")
      .map(({ ratio }) => ratio);
  expect(ratios(SHAPE, "fast")).toEqual([0.5, 1]);
  expect(usualBaseline(SHAPE)).toBe(SLOWEST);
  const raced = {
    ...SHAPE,
    entries: [entry("ours", 20), entry("peer", 40, { peer: true }), entry("better peer", 30, { peer: true })],
  };
  expect(usualBaseline(raced)).toBe(BEST_PEER);
  expect(ratios(raced, BEST_PEER)).toEqual([1.5, 0.75, 1]);
  expect(ratios(SHAPE, BEST_PEER)).toEqual([null, null]);
});
