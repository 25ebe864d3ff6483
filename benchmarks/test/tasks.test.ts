import { expect, test } from "vitest";
import { runTasks, type Writer } from "../src/child/run-tasks.js";
import { promptOf, promptsOf, TASKS, type Task } from "../src/tasks.js";

const ROWS: Task = { name: "r", title: "r", promptTokens: 3, newTokens: 4, rows: 5, measures: "decode", once: true };

test("rows have prompts of their own, the first that of a single row", () => {
  const prompts = promptsOf(ROWS, 1000);
  expect(prompts).toHaveLength(5);
  expect(prompts[0]).toEqual(promptOf(ROWS, 1000));
  expect(new Set(prompts.flat()).size).toBe(15);
  expect(TASKS.filter(({ rows = 1 }) => rows > 1).map(({ name, rows }) => [name, rows])).toEqual([
    ["decode-4-rows", 4],
    ["decode-16-rows", 16],
  ]);
});

/** Writes the given number of tokens a row; the first step takes long. */
const writer = (perRow: number, chosen: string[] = []): Writer => ({
  vocabSize: 1000,
  choose: async () => {
    chosen.push("chosen");
    return "as it likes";
  },
  write: async function* (prompts) {
    for (let step = 0; step < perRow; step++) {
      if (step === 0) await new Promise((resolve) => setTimeout(resolve, 30));
      for (const row of prompts) yield row;
    }
  },
});

test("the first token is there when every row has it, and the rest is all that follows", async () => {
  process.env.MIXTAPE_BENCH_STARTED = "0";
  const { runs, remark } = await runTasks([ROWS], async () => writer(4));
  expect(remark).toBe("as it likes");
  const [run] = runs.r!;
  expect(run!.firstTokenMs).toBeGreaterThan(run!.restMs);
});

test("rows that do not write what was asked for are an error, and a start is measured without choices", async () => {
  await expect(runTasks([ROWS], async () => writer(3))).rejects.toThrow("expected 20 new tokens, got 15");
  const chosen: string[] = [];
  const start: Task = { ...ROWS, measures: "start" };
  expect((await runTasks([start], async () => writer(4, chosen))).remark).toBeUndefined();
  expect(chosen).toEqual([]);
});
