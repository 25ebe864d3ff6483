import { expect, test } from "vitest";
import type { Entry } from "../src/race.js";
import { measuresOf, tokensPerSecond } from "../src/report/measures.js";
import type { ShapeResults } from "../src/report/results.js";
import type { Sample } from "../src/runners/runner.js";
import type { Task } from "../src/tasks.js";

const PREFILL: Task = { name: "p", title: "prefill", promptTokens: 100, newTokens: 1, measures: "prefill" };
const DECODE: Task = { name: "d", title: "decode", promptTokens: 10, newTokens: 11, measures: "decode" };

const sample = (firstTokenMs: number[], restMs: number): Sample => ({
  loadMs: firstTokenMs[0]!,
  runs: firstTokenMs.map((ms) => ({ firstTokenMs: ms, restMs })),
  peakRssBytes: 2 ** 20 * (restMs + 1),
});
const entry = (name: string, ms: number, flopsPerSecond: number): Entry => ({
  name,
  description: name,
  samples: { p: [sample([ms, ms, 9 * ms], 0)], d: [sample([ms], ms)] },
  products: { vector: { size: 1, bytesPerSecond: 16_000 }, matrix: { size: 1, flopsPerSecond } },
  profile: null,
});
const SHAPE: ShapeResults = {
  name: "shape",
  description: "",
  work: { weights: 4, headWeights: 1, summary: "" },
  weightsMemory: { bytes: 16, oneThread: 8000, allThreads: 32_000 },
  entries: [entry("slow", 100, 60_200), entry("fast", 50, 120_400)],
};

test("a process's figure is the median of its runs", () => {
  expect(tokensPerSecond(sample([50, 100, 10_000], 7), PREFILL)).toBe(1000);
  expect(tokensPerSecond(sample([50, 100, 10_000], 20), DECODE)).toBe(500);
});

test("figures with their ratios and shares of what bounds them", () => {
  const rows = measuresOf(SHAPE, [PREFILL, DECODE]).map(
    ({ what, runner, spread, ratio, ofOwnProducts, ofMachine }) =>
      [`${what} ${runner}`, spread.median, ratio, ofOwnProducts, ofMachine] as const,
  );
  expect(rows).toEqual([
    ["load slow", 100, 1, null, null],
    ["load fast", 50, 2, null, null],
    // 3 weights for every token and the head's 1 for the last: 2 · 3.01 FLOP for each of 1000 and 2000 tokens.
    ["prefill slow", 1000, 1, 0.1, 0.05],
    ["prefill fast", 2000, 2, 0.1, 0.1],
    // 16 bytes for each of 100 and 200 tokens.
    ["decode slow", 100, 1, 0.1, 0.05],
    ["decode fast", 200, 2, 0.2, 0.1],
    ["peak resident memory, prefill slow", 1, 1, null, null],
    ["peak resident memory, prefill fast", 1, 1, null, null],
  ]);
});

test("ratios are against the baseline where one is named", () => {
  const ratios = measuresOf(SHAPE, [DECODE], "fast").map(({ ratio }) => ratio);
  expect(ratios).toEqual([0.5, 1, 0.5, 1, 51 / 101, 1]);
});
