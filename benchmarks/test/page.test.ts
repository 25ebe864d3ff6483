import { expect, test } from "vitest";
import { merge } from "../src/report/merge.js";
import { pageOf } from "../src/report/page.js";
import type { Results } from "../src/report/results.js";
import type { Sample, StepProfile } from "../src/runners/runner.js";
import { SHORT_TASKS } from "../src/tasks.js";

const MIB = 2 ** 20;
const sample: Sample = {
  loadMs: 100,
  runs: Object.fromEntries(SHORT_TASKS.map(({ name }) => [name, [{ firstTokenMs: 10, restMs: 320, restCpuMs: 320 }]])),
  memory: { residentBytes: 300 * MIB, mappedBytes: 200 * MIB, anonymousBytes: 110 * MIB },
};
const profile: StepProfile = {
  context: 512,
  kernels: { MixtapeLinear: 40, Add: 10 },
  moeLayer: { MixtapeLinear: 20, Add: 5 },
  moeBlock: { MixtapeLinear: 9, Add: 2 },
  moeLayers: 2,
  expertsPerToken: 2,
  readBacks: { total: 3, mostInALayer: 1, mostInKernelsOfALayer: 0 },
  generatedMs: 1.5,
  stepMs: 2,
  kernelMs: { MixtapeLinear: 1, Add: 0.5 },
};
const bandwidth = { bytes: 2 ** 30, oneThread: 10e9, allThreads: 20e9 };
const RESULTS: Results = {
  runs: [{ date: "2020-02-02", args: "--write-docs", rounds: 5, load: { before: 0.1, after: 1.25 } }],
  machine: { processor: "Abacus", cores: 2, memoryBytes: 2 ** 34, system: "linux", node: "v20.19.0" },
  memory: bandwidth,
  peaks: null,
  shapes: [
    {
      name: "sample-afmoe",
      description: "A model.",
      tasks: SHORT_TASKS,
      work: {
        weights: 3e6,
        headWeights: 1e6,
        bytes: 6e6,
        routedBytes: 2e6,
        routedShare: 0.25,
        summary: "small",
      },
      weightsMemory: bandwidth,
      failed: [],
      entries: [
        {
          name: "wasm",
          description: "wasm 1.0",
          peer: false,
          samples: { start: [sample, sample], speed: [{ ...sample, remark: "on a whim" }, sample] },
          products: { vector: { size: 1728, bytesPerSecond: 20e9 }, matrix: { size: 512, flopsPerSecond: 40e9 } },
          kernels: [{ name: "head", tokens: 1, bytes: 60e6, flops: 60e6, ms: 4 }],
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
  ]);
  // For each of 100 tokens in a second 12 MB in float32, 6 on disk.
  expect(rowOf(page, "decode after 512").slice(2)).toEqual(["100 (100 – 100)", "1.00", "6.0 %", "3.0 %"]);
  expect(rowOf(page, "load, from process start, ms").slice(2)).toEqual(["100 (100 – 100)", "1.00"]);
  expect(rowOf(page, "from process start to the first").slice(2)).toEqual(["110 (110 – 110)", "1.00"]);
  expect(rowOf(page, "32 tokens read, 33 written")).toEqual([
    "32 tokens read, 33 written",
    "`wasm`",
    "300",
    "200",
    "110",
  ]);
});

test("who failed is told of, by the last line of what it said", () => {
  const [shape] = RESULTS.shapes;
  const failed = [{ name: "transformers", reason: "Traceback\n  File\nMemoryError\n" }];
  expect(pageOf({ ...RESULTS, shapes: [{ ...shape!, failed }] })).toContain("`transformers` failed: MemoryError\n");
});

test("measured peaks are told, and bound prefilling", () => {
  const peaks = { readBytesPerSecond: 30e9, bfloat16FlopsPerSecond: 900e9, float32FlopsPerSecond: 300e9 };
  const page = pageOf({ ...RESULTS, peaks });
  expect(rowOf(page, "a native kernel reading")).toEqual(["a native kernel reading memory", "30.0 GB/s"]);
  expect(rowOf(page, "native kernels")).toContain("900 GFLOP/s in bfloat16, 300 in float32");
  // 60 MB in 4 ms, and at best in 2.
  expect(rowOf(page, "head")).toEqual(["head", "1", "`wasm`", "4,000", "15.0", "15.0", "50.0 %"]);
  // 512 tokens: 2.05 GFLOP in 2.28 ms, of which 10 ms is 22.8 %.
  expect(rowOf(page, "prefill of 512 tokens").at(-1)).toBe("22.8 %");
});

test("a peer is compared with, and has no products and kernels of its own", () => {
  const [shape] = RESULTS.shapes;
  const peer = { ...shape!.entries[0]!, name: "llama.cpp", peer: true, products: null, kernels: null, profile: null };
  const page = pageOf({ ...RESULTS, shapes: [{ ...shape!, entries: [peer] }] });
  expect(page).toContain("× best peer");
  expect(page).not.toContain("of its own products |");
  expect(page).not.toContain("A decode step after");
  expect(page).not.toContain("Kernels alone,");
  expect(pageOf({ ...RESULTS, shapes: [{ ...shape!, entries: [peer] }] }, "llama.cpp")).toContain("× llama.cpp");
});

test("the page says where, when and how, what is missing, and what a step does", () => {
  const page = pageOf(RESULTS);
  expect(page).toContain("Abacus, 2 cores, 16.0 GiB");
  expect(page).toContain("A token reads 6.00 MB of weights, 16.0 bits each;");
  expect(page).toContain("`npm run bench -- --write-docs`, 5 rounds, 2020-02-02");
  expect(page).toContain("0.1 before, 1.3 after");
  expect(page).toContain("`wasm`: on a whim.");
  expect(page).toContain("Not measured: `tensorflow`. It is not installed.");
  expect(rowOf(page, "kernels in a step")).toEqual(["kernels in a step", "50"]);
  expect(rowOf(page, "kernels in a MoE layer")).toEqual(["kernels in a MoE layer, at most (bound 46)", "25"]);
  expect(rowOf(page, "in matrix products")).toEqual(["in matrix products", "50.0 %"]);
  expect(rowOf(page, "in other kernels")).toEqual(["in other kernels", "25.0 %"]);
  expect(rowOf(page, "outside of kernels")).toEqual(["outside of kernels", "25.0 %"]);
  expect(rowOf(page, "MixtapeLinear")).toEqual(["MixtapeLinear", "40 (1,000)"]);
  expect(page).not.toMatch(/undefined|NaN|Infinity/);
});

test("an earlier run's shapes are reported with a later one's, which count where both have them", () => {
  const [shape] = RESULTS.shapes;
  const [run] = RESULTS.runs;
  const later: Results = {
    ...RESULTS,
    runs: [{ ...run!, args: "--shapes b" }],
    shapes: [{ ...shape!, name: "b", entries: [{ ...shape!.entries[0]!, name: "tensorflow" }] }],
    missing: [{ name: "transformers", reason: "Not here." }],
  };
  const both = merge(RESULTS, later);
  expect(both.shapes.map(({ name }) => name)).toEqual(["sample-afmoe", "b"]);
  expect(both.runs.map(({ args }) => args)).toEqual(["--write-docs", "--shapes b"]);
  // tensorflow was missing first, and ran then.
  expect(both.missing.map(({ name }) => name)).toEqual(["transformers"]);
  expect(merge(later, both).shapes).toEqual(both.shapes);
  const page = pageOf(both);
  expect(page).toContain("`npm run bench -- --shapes b`, 5 rounds");
  const elsewhere = { ...RESULTS, machine: { ...RESULTS.machine, cores: 3 } };
  expect(() => merge(elsewhere, later)).toThrow("expected a run on this machine");
});
