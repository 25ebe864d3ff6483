import { fileURLToPath } from "node:url";
import type { Peaks } from "@mixtape/native";
import { fixture } from "@mixtape/testing";
import { describe, expect, test } from "vitest";
import type { Request } from "../src/mixtape/request.js";
import { ask, sample } from "../src/runners/child.js";
import type { Answer, Found, KernelMeasure, Products } from "../src/runners/runner.js";
import type { Task } from "../src/tasks.js";

const MAIN = fileURLToPath(new URL("../dist/mixtape/main.js", import.meta.url));
const FOLDER = fixture("models/afmoe/basic");
const DECODE: Task = { name: "d", title: "d", promptTokens: 4, newTokens: 3, measures: "decode" };
const START: Task = { ...DECODE, name: "s", measures: "start" };
const ONCE: Task = { ...DECODE, name: "o", once: true };

const command = (engine: string, request: Request) => ({
  file: process.execPath,
  args: [MAIN, engine, JSON.stringify(request)],
});
const measure = <T>(engine: string, request: Request): Promise<T> => ask<T>(command(engine, request));

describe("a process of its own", () => {
  test("says what an engine is, and why one is not there", async () => {
    expect(await measure("wasm", { kind: "find" })).toEqual({ description: expect.stringContaining("wasm") });
    expect(await measure("abacus", { kind: "find" })).toEqual({ missing: expect.stringContaining('got "abacus"') });
  });

  test("measures tasks, and is watched", async () => {
    const tasks = [START, DECODE, ONCE];
    const before = performance.now();
    const { loadMs, runs, memory } = await sample<Answer>(command("wasm", { kind: "run", model: FOLDER, tasks }));
    expect(loadMs).toBeGreaterThan(0);
    expect(loadMs).toBeLessThan(performance.now() - before);
    expect(Object.keys(runs)).toEqual(["s", "d", "o"]);
    expect([runs.s!.length, runs.o!.length]).toEqual([1, 1]);
    expect(runs.d!.length).toBeGreaterThanOrEqual(3);
    for (const { firstTokenMs, restMs } of Object.values(runs).flat())
      expect(Math.min(firstTokenMs, restMs)).toBeGreaterThan(0);
    if (process.platform !== "linux") return expect(memory).toBeNull();
    const { residentBytes, mappedBytes, anonymousBytes } = memory!;
    expect(Math.min(mappedBytes, anonymousBytes)).toBeGreaterThan(2 ** 20);
    expect(residentBytes).toBeGreaterThanOrEqual(Math.max(mappedBytes, anonymousBytes));
  });

  test("measures what the processor does at most, where native is here", async () => {
    const asked = measure<Peaks>("native", { kind: "peaks" });
    const found = await measure<Found>("native", { kind: "find" });
    if ("missing" in found) return expect(asked).rejects.toThrow("native");
    const { readBytesPerSecond, bfloat16FlopsPerSecond, float32FlopsPerSecond } = await asked;
    expect(readBytesPerSecond).toBeGreaterThan(1e8);
    expect(Math.min(bfloat16FlopsPerSecond, float32FlopsPerSecond)).toBeGreaterThan(1e8);
  });

  test("measures products", async () => {
    const { vector, matrix } = await measure<Products>("wasm", { kind: "products", model: FOLDER });
    expect(vector.size % 64).toBe(0);
    expect(vector.bytesPerSecond).toBeGreaterThan(0);
    expect(matrix.flopsPerSecond).toBeGreaterThan(0);
  });

  test("measures kernels", async () => {
    const kernels = await measure<KernelMeasure[]>("wasm", { kind: "kernels", model: FOLDER, longest: 20 });
    const names = kernels.map(({ name, tokens }) => `${tokens}: ${name.split(/[ ,]/)[0]}`);
    const both = ["queries", "gated", "routed", "RMS", "rotary", "embedding", "attention"];
    expect(new Set(names)).toEqual(new Set([...both.flatMap((name) => [`1: ${name}`, `512: ${name}`]), "1: head"]));
    // 5 experts of 3 matrices of 6 × 32 in float32: a token goes to 2, and 512 go to all.
    const experts = kernels.filter(({ name }) => name.startsWith("routed"));
    expect(experts.map(({ bytes, flops }) => [bytes, flops])).toEqual([
      [2 * 2304, 2 * 2 * 576],
      [5 * 2304, 512 * 2 * 2 * 576],
    ]);
    for (const { ms } of kernels) expect(ms).toBeGreaterThan(0);
  });

  test("fails with the reason", async () => {
    await expect(measure("wasm", { kind: "run", model: "nowhere", tasks: [DECODE] })).rejects.toThrow("config.json");
  });
});
