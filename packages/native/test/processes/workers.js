/**
 * Node workers that use the engine: one after the other, all at once, and some that are ended while they compute. Prints as JSON
 * what each decoded, and what the process held before and after.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { held } from "./system.js";
import { TinyModel, useNative, writeTinyModel } from "./tiny-model.js";

const STEPS = 12;
const folder = mkdtempSync(join(tmpdir(), "mixtape-workers-"));
const path = join(folder, "model.safetensors");
await writeTinyModel(path, 1);

/** @type {string[]} */
const decoded = [];

const start = (rounds = 1) =>
  new Worker(new URL("decode.js", import.meta.url), { workerData: { path, steps: STEPS, rounds } });

/** @returns {Promise<void>} */
const finish = (/** @type {Worker} */ worker) =>
  new Promise((resolve, reject) => {
    worker.on("message", (text) => decoded.push(text));
    worker.on("error", reject);
    worker.on("exit", () => resolve());
  });

// This thread has not loaded the addon: each worker is the only one that has it, and takes it along when it ends.
await finish(start());
const before = held(path);
for (let i = 0; i < 8; i++) await finish(start());
const afterEachAlone = held(path);

await Promise.all(Array.from({ length: 4 }, () => finish(start(3))));
const afterAllAtOnce = held(path);

for (let i = 0; i < 12; i++) {
  const worker = start(0);
  await new Promise((resolve) => worker.once("message", resolve));
  await setTimeout((i * 7) % 23);
  await worker.terminate();
}
const afterSomeWereEnded = held(path);

// And beside this thread.
await useNative();
const workers = Array.from({ length: 3 }, () => finish(start(3)));
const model = await TinyModel.load(path);
const other = await TinyModel.load(path);
for (let round = 0; round < 10; round++) {
  const fresh = await TinyModel.load(path);
  decoded.push(fresh.write(STEPS).join(" "));
  fresh.dispose();
  await new Promise((resolve) => setImmediate(resolve));
}
await Promise.all(workers);
// Two models in turns, each with a cache of its own.
const turns = [[1], [1]];
for (let i = 0; i < STEPS; i++)
  for (const [which, one] of [model, other].entries())
    turns[which]?.push(one.step(/** @type {number} */ (turns[which]?.at(-1))));
decoded.push(...turns.map((ids) => ids.join(" ")));
model.dispose();
other.dispose();
console.log(JSON.stringify({ decoded, before, afterEachAlone, afterAllAtOnce, afterSomeWereEnded }));
rmSync(folder, { recursive: true });
