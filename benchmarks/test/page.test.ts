import { expect, test } from "vitest";
import { pageOf } from "../src/report/page.js";
import type { Results } from "../src/report/results.js";
import type { StepProfile } from "../src/runners/runner.js";
import { TASKS } from "../src/tasks.js";

const sample = { loadMs: 100, runs: [{ firstTokenMs: 10, restMs: 320 }], peakRssBytes: 300 * 2 ** 20 };
const profile: StepProfile = {
  context: 512,
  kernels: { MixtapeLinear: 40, Add: 10 },
  moeLayer: { MixtapeLinear: 20, Add: 5 },
  moeBlock: { MixtapeLinear: 9, Add: 2 },
  moeLayers: 2,
  expertsPerToken: 2,
  readBacks: { total: 3, mostInALayer: 1, mostInKernelsOfALayer: 0 },
  stepMs: 2,
  kernelMs: { MixtapeLinear: 1, Add: 0.5 },
};
const bandwidth = { bytes: 2 ** 30, oneThread: 10e9, allThreads: 20e9 };
const RESULTS: Results = {
  date: "2020-02-02",
  args: "--write-docs",
  rounds: 5,
  machine: { processor: "Abacus", cores: 2, memoryBytes: 2 ** 34, system: "linux", node: "v20.19.0" },
  load: { before: 0.1, after: 1.25 },
  memory: bandwidth,
  tasks: TASKS,
  shapes: [
    {
      name: "sample-afmoe",
      description: "A model.",
      work: { weights: 3e6, headWeights: 1e6, summary: "small" },
      weightsMemory: bandwidth,
      entries: [
        {
          name: "wasm",
          description: "wasm 1.0",
          samples: Object.fromEntries(TASKS.map(({ name }) => [name, [sample, sample]])),
          products: { vector: { size: 1728, bytesPerSecond: 20e9 }, matrix: { size: 512, flopsPerSecond: 40e9 } },
          profile,
        },
      ],
    },
  ],
  missing: [{ name: "tensorflow", reason: "It is not installed." }],
};

/** The cells of the row that begins so, without padding. */
function rowOf(page: string, begin: string): string[] {
  const row = page.split("\n").find((line) => line.startsWith(`| ${begin}`));
  return (row ?? "")
    .split("|")
    .map((cell) => cell.trim())
    .filter((cell) => cell !== "");
}

test("the page has every figure, with its unit, its spread and its bounds", () => {
  const page = pageOf(RESULTS);
  expect(rowOf(page, "prefill of 32 tokens")).toEqual([
    "prefill of 32 tokens, tokens/s",
    "`wasm`",
    "3,200 (3,200 – 3,200)",
    "1.00",
    "32.5 %",
    "32.5 %",
  ]);
  // 12 MB for each of 100 tokens in a second.
  expect(rowOf(page, "decode after 512").slice(2)).toEqual(["100 (100 – 100)", "1.00", "6.0 %", "6.0 %"]);
  expect(rowOf(page, "load, ms").slice(2)).toEqual(["100 (100 – 100)", "1.00"]);
  expect(rowOf(page, "peak resident")).toContain("300 (300 – 300)");
});

test("the page says where, when and how, what is missing, and what a step does", () => {
  const page = pageOf(RESULTS);
  expect(page).toContain("Abacus, 2 cores, 16.0 GiB");
  expect(page).toContain("`npm run bench -- --write-docs`, 5 rounds");
  expect(page).toContain("0.1 before, 1.3 after");
  expect(page).toContain("Not measured: `tensorflow`. It is not installed.");
  expect(rowOf(page, "kernels in a step")).toEqual(["kernels in a step", "50"]);
  expect(rowOf(page, "kernels in a MoE layer")).toEqual(["kernels in a MoE layer, at most (bound 46)", "25"]);
  expect(rowOf(page, "in matrix products")).toEqual(["in matrix products", "50.0 %"]);
  expect(rowOf(page, "in other kernels")).toEqual(["in other kernels", "25.0 %"]);
  expect(rowOf(page, "outside of kernels")).toEqual(["outside of kernels", "25.0 %"]);
  expect(rowOf(page, "MixtapeLinear")).toEqual(["MixtapeLinear", "40 (1,000)"]);
  expect(page).not.toMatch(/undefined|NaN|Infinity/);
});
