import { expect, test } from "vitest";
import { race, turnsOf } from "../src/race.js";
import type { Runner } from "../src/runners/runner.js";
import { TASKS } from "../src/tasks.js";

const products = { vector: { size: 1, bytesPerSecond: 1 }, matrix: { size: 1, flopsPerSecond: 1 } };
const runner = (name: string, done: string[]): Runner => ({
  name,
  find: async () => ({ description: name }),
  run: async (_folder, task) => {
    done.push(`${name} ${task.name}`);
    return { loadMs: done.length, runs: [], peakRssBytes: 0 };
  },
  products: async () => products,
});

test("runners take turns at each task, and each round starts with another", () => {
  const turns = turnsOf([runner("a", []), runner("b", [])], TASKS.slice(0, 2), 3);
  expect(turns.map(({ round, runner, task }) => `${round} ${task.name} ${runner.name}`)).toEqual(
    [
      "0 prefill-32 a, 0 prefill-32 b, 0 prefill-128 a, 0 prefill-128 b",
      "1 prefill-32 b, 1 prefill-32 a, 1 prefill-128 b, 1 prefill-128 a",
      "2 prefill-32 a, 2 prefill-32 b, 2 prefill-128 a, 2 prefill-128 b",
    ].flatMap((round) => round.split(", ")),
  );
});

test("every sample is kept with its runner and task; a runner without tfjs has no profile", async () => {
  const done: string[] = [];
  const field = [runner("a", done), runner("b", done)].map((one) => ({ runner: one, description: one.name }));
  const log: string[] = [];
  const entries = await race(field, { folder: "", tasks: TASKS.slice(0, 1), rounds: 2, log: (line) => log.push(line) });
  expect(done).toEqual(["a prefill-32", "b prefill-32", "b prefill-32", "a prefill-32"]);
  expect(entries.map(({ name, samples }) => [name, samples["prefill-32"]!.map(({ loadMs }) => loadMs)])).toEqual([
    ["a", [1, 4]],
    ["b", [2, 3]],
  ]);
  expect(entries.map(({ profile }) => profile)).toEqual([null, null]);
  expect(log).toHaveLength(6);
});
