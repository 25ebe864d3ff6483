import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { race, turnsOf } from "../src/race.js";
import type { Runner } from "../src/runners/runner.js";
import { folderOf, ggufOf } from "../src/shapes/shape.js";
import { heatsOf, LONG_TASKS } from "../src/tasks.js";

const products = { vector: { size: 1, bytesPerSecond: 1 }, matrix: { size: 1, flopsPerSecond: 1 } };
const kernel = { name: "512", tokens: 1, bytes: 1, flops: 1, ms: 1 };
const runner = (name: string, done: string[]): Runner => ({
  name,
  peer: name === "b",
  reads: name === "b" ? ggufOf : folderOf,
  find: async () => ({ description: name }),
  run: async (_files, tasks) => {
    done.push(`${name} ${tasks.map((task) => task.name).join("+")}`);
    return { loadMs: done.length, runs: {}, memory: null };
  },
  ...(name === "a" && {
    products: async () => products,
    kernels: async (_files, longest) => [{ ...kernel, name: `${longest}` }],
  }),
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "race-"));
  await writeFile(join(folder, "model.gguf"), "");
});
afterAll(() => rm(folder, { recursive: true }));

test("a start has a process to itself, all other tasks share one", () => {
  expect(heatsOf(LONG_TASKS).map(({ tasks }) => tasks.map(({ name }) => name))).toEqual([
    ["start"],
    ["prefill-32", "prefill-512", "prefill-2048", "decode-empty", "decode-4-rows", "decode-16-rows", "decode-8192"],
  ]);
  expect(heatsOf(LONG_TASKS.slice(1, 2)).map(({ name }) => name)).toEqual(["speed"]);
});

test("runners take turns at each heat, and each round starts with another", () => {
  const turns = turnsOf([runner("a", []), runner("b", [])], heatsOf(LONG_TASKS), 3);
  expect(turns.map(({ round, runner, heat }) => `${round} ${heat.name} ${runner.name}`)).toEqual(
    [
      "0 start a, 0 start b, 0 speed a, 0 speed b",
      "1 start b, 1 start a, 1 speed b, 1 speed a",
      "2 start a, 2 start b, 2 speed a, 2 speed b",
    ].flatMap((round) => round.split(", ")),
  );
});

test("every sample is kept with its runner and heat; what a runner does not measure is null", async () => {
  const done: string[] = [];
  const field = [runner("a", done), runner("b", done)].map((one) => ({ runner: one, description: one.name }));
  const log: string[] = [];
  const { entries, failed } = await race(field, {
    files: { folder, gguf: join(folder, "model.gguf") },
    heats: heatsOf(LONG_TASKS.slice(1, 3)),
    rounds: 2,
    log: (line) => log.push(line),
  });
  expect(done).toEqual(["a", "b", "b", "a"].map((name) => `${name} prefill-32+prefill-512`));
  expect(entries.map(({ name, samples }) => [name, samples.speed!.map(({ loadMs }) => loadMs)])).toEqual([
    ["a", [1, 4]],
    ["b", [2, 3]],
  ]);
  expect(entries.map((entry) => [entry.peer, entry.products, entry.kernels, entry.profile])).toEqual([
    [false, products, [kernel], null],
    [true, null, null, null],
  ]);
  expect(log).toHaveLength(5);
  expect(failed).toEqual([]);
});

test("who fails is left out from then on, and told of; the others race on", async () => {
  const done: string[] = [];
  const broken: Runner = { ...runner("broken", done), run: () => Promise.reject(new Error("out of memory")) };
  const field = [broken, runner("a", done)].map((one) => ({ runner: one, description: one.name }));
  const log: string[] = [];
  const { entries, failed } = await race(field, {
    files: { folder, gguf: null },
    heats: heatsOf(LONG_TASKS.slice(0, 2)),
    rounds: 2,
    log: (line) => log.push(line),
  });
  expect(entries.map(({ name }) => name)).toEqual(["a"]);
  expect(failed).toEqual([{ name: "broken", reason: "out of memory" }]);
  expect(log.filter((line) => line.includes("broken"))).toEqual([
    "round 1 of 2: start on broken",
    "broken failed: out of memory",
  ]);
});
