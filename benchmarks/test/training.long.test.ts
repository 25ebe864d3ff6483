import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { quantizeModel } from "@mixtape/mixtape";
import { fixture } from "@mixtape/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, sample } from "../src/runners/child.js";
import type { Found } from "../src/runners/runner.js";
import type { TogetherAnswer, TrainingAnswer, TrainingRequest } from "../src/training/answers.js";
import { type TrainingResults, trainingPage } from "../src/training/report.js";
import type { Pace } from "../src/training/steps.js";
import { rowsOf, TOGETHER_TASKS, TRAINING_TASKS, type TrainingTask } from "../src/training/tasks.js";

const CHILD = fileURLToPath(new URL("../dist/training/child.js", import.meta.url));
const FOLDER = fixture("models/qwen3-moe/basic");
const PACE: Pace = { steps: 2, warmUpMs: 1, measuredMs: 1 };
const [FULL, LORA, INT4] = TRAINING_TASKS as [TrainingTask, TrainingTask, TrainingTask];
const SMALL = { rows: 2, length: 6 };

const command = (asked: TrainingRequest) => ({ file: process.execPath, args: [CHILD, JSON.stringify(asked)] });

test("rows are those of the Python trainer", () => {
  // `rows_of(3, {"rows": 2, "length": 4}, 4096)` of python/training_peer.py
  expect(rowsOf(3, { rows: 2, length: 4 }, 4096)).toEqual([
    [585, 3066, 1451, 3932],
    [2317, 702, 3183, 1568],
  ]);
});

describe("a process that trains", () => {
  let folder: string;
  let isHere: boolean;
  const request = <T>(asked: TrainingRequest): Promise<T> => ask<T>(command(asked));
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-training-test-"));
    isHere = "description" in (await request<Found>({ kind: "find" }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("trains a model, and an adapter that was written before", async ({ skip }) => {
    if (!isHere) skip();
    const to = join(folder, "adapter");
    await request({ kind: "adapter", model: FOLDER, adapter: LORA.adapter!, to });
    const trained = async (task: TrainingTask, adapter: string | null, model = FOLDER): Promise<TrainingAnswer> => {
      const files = { model, adapter };
      const answer = await sample<TrainingAnswer>(
        command({ kind: "train", task: { ...task, ...SMALL }, files, pace: PACE }),
      );
      expect(answer.losses).toHaveLength(PACE.steps);
      expect(answer.stepMs.length).toBeGreaterThanOrEqual(PACE.steps);
      return answer;
    };
    const [full, lora] = [await trained(FULL, null), await trained(LORA, to)];
    expect(lora.trainable).toBeLessThan(full.trainable);
    // An adapter that has learnt nothing changes nothing.
    expect(lora.losses[0]).toBeCloseTo(full.losses[0]!, 5);
    // Nearly so with weights of 8 bits.
    const quantized = join(folder, "int8");
    await quantizeModel(FOLDER, quantized, { quantize: { weights: "int8", groupSize: "channel" } });
    const qlora = await trained(LORA, to, quantized);
    expect(qlora.losses[0]).not.toBe(lora.losses[0]);
    expect(qlora.losses[0]).toBeCloseTo(lora.losses[0]!, 1);
  });

  test("trains adapters together and apart", async ({ skip }) => {
    if (!isHere) skip();
    const task = { ...TOGETHER_TASKS[0]!, ...SMALL };
    const { togetherMs, apartMs } = await request<TogetherAnswer>({
      kind: "together",
      task,
      folder: FOLDER,
      pace: PACE,
    });
    expect(togetherMs.length).toBeGreaterThanOrEqual(PACE.steps);
    expect(apartMs).toHaveLength(togetherMs.length);
    expect(Math.min(...togetherMs, ...apartMs)).toBeGreaterThan(0);
  });
});

test("the page tells speeds as ratios, memory and losses", () => {
  const memory = { residentBytes: 300 * 2 ** 20, mappedBytes: 200 * 2 ** 20, anonymousBytes: 110 * 2 ** 20 };
  const entry = (name: string, peer: boolean, ms: number) => ({
    name,
    peer,
    samples: [{ trainable: 5_000_000, losses: [2, 1.5], stepMs: [ms, 9 * ms, ms], memory }],
  });
  const results: TrainingResults = {
    run: { date: "2020-02-02", args: "--runs 1", rounds: 1, load: { before: 0.1, after: 1.25 } },
    machine: { processor: "Abacus", cores: 2, memoryBytes: 2 ** 34, system: "linux", node: "v20.19.0" },
    trainers: { native: "beads", torch: "wires" },
    missing: {},
    training: [{ task: FULL, entries: [entry("native", false, 512), entry("torch", true, 1024)] }],
    together: [{ task: TOGETHER_TASKS[0]!, samples: [{ togetherMs: [100, 100], apartMs: [150, 150] }] }],
  };
  const page = trainingPage(results);
  // 4 × 256 tokens in 512 ms, the median.
  expect(page).toMatch(/`native` +\| 2,000 \(2,000 – 2,000\) +\| +2\.00 +\| +300 +\| +110 +\| +2\.0000, 1\.5000/);
  expect(page).toMatch(/`torch` +\| 1,000/);
  expect(page).toContain("5,000,000 parameters, 4 × 256 tokens");
  expect(page).toMatch(/\| +100 \(100 – 100\) +\| +150 \(150 – 150\) +\| +1\.50 \(1\.50 – 1\.50\)/);
  expect(page).toContain("`npm run bench:train -- --runs 1`, 1 rounds, 2020-02-02");
  const quantized = trainingPage({
    ...results,
    training: [
      { task: LORA, entries: [entry("native", false, 512), entry("torch", true, 1024)] },
      { task: INT4, entries: [entry("native", false, 256)] },
    ],
  });
  expect(quantized).toMatch(/\| +bfloat16 +\| +`native` +\| +2,000 .*\| +1\.00 +\| +300 +\| +110 +\|/);
  expect(quantized).toMatch(/\| +bfloat16 +\| +`torch` +\| +1,000 .*\| +1\.00 +\|/);
  expect(quantized).toMatch(/\| +int4 +\| +`native` +\| +4,000 .*\| +2\.00 +\|/);
  expect(page).not.toContain("Quantised weights\n");
  const alone = trainingPage({ ...results, missing: { torch: "It is not installed." }, training: [] });
  expect(alone).toContain("Not measured: `torch`. It is not installed.");
});
