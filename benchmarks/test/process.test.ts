import { fileURLToPath } from "node:url";
import { fixture } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import { ask } from "../src/runners/child.js";
import type { Products, Sample } from "../src/runners/runner.js";
import type { Task } from "../src/tasks.js";

const MAIN = fileURLToPath(new URL("../dist/mixtape/main.js", import.meta.url));
const FOLDER = fixture("models/afmoe/basic");
const TASK: Task = { name: "t", title: "t", promptTokens: 4, newTokens: 3, measures: "decode" };

const measure = <T>(engine: string, request: object): Promise<T> =>
  ask<T>({ file: process.execPath, args: [MAIN, engine, JSON.stringify(request)] });

describe("a process of its own", () => {
  test("says what an engine is, and why one is not there", async () => {
    expect(await measure("wasm", { kind: "find" })).toEqual({ description: expect.stringContaining("wasm") });
    expect(await measure("abacus", { kind: "find" })).toEqual({ missing: expect.stringContaining('got "abacus"') });
  });

  test("measures a task", async () => {
    const { loadMs, runs, peakRssBytes } = await measure<Sample>("wasm", { kind: "run", folder: FOLDER, task: TASK });
    expect(loadMs).toBeGreaterThan(0);
    expect(runs.length).toBeGreaterThanOrEqual(3);
    for (const { firstTokenMs, restMs } of runs) expect(Math.min(firstTokenMs, restMs)).toBeGreaterThan(0);
    expect(peakRssBytes).toBeGreaterThan(2 ** 20);
  });

  test("measures products", async () => {
    const { vector, matrix } = await measure<Products>("wasm", { kind: "products", folder: FOLDER });
    expect(vector.size % 64).toBe(0);
    expect(vector.bytesPerSecond).toBeGreaterThan(0);
    expect(matrix.flopsPerSecond).toBeGreaterThan(0);
  });

  test("fails with the reason", async () => {
    await expect(measure("wasm", { kind: "run", folder: "nowhere", task: TASK })).rejects.toThrow("config.json");
  });
});
