import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

/** Rows and columns of a matrix of 4 MiB: many pages, and work for several threads. */
const SIZE = 1024;
const FLOAT32 = 0;

const native = nativeOrNothing();

// Windows lets nobody truncate a file that is mapped.
describe.runIf(native && process.platform !== "win32")("a file that is truncated while its weights are in use", () => {
  const { openFile, mapWeight, createGraph, replayGraph, linear, decodeWeight } = native!;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mixtape-truncated-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const ones = new Float32Array(SIZE).fill(1);

  function weightIn(name: string) {
    const path = join(folder, name);
    writeFileSync(path, new Float32Array(SIZE * SIZE).fill(1));
    return { path, weight: mapWeight(FLOAT32, SIZE, SIZE, [openFile(path)], Float64Array.of(0)) };
  }
  function multiply(weight: ReturnType<typeof mapWeight>): Float32Array {
    const out = new Float32Array(SIZE);
    linear(out, ones, weight, null, SIZE, 0);
    return out;
  }

  test("ends no process: the call that reads what is gone fails, by name, and so does every one after it", () => {
    const { path, weight } = weightIn("cut");
    const whole = weightIn("whole");
    expect(multiply(weight)[SIZE - 1]).toBe(SIZE);
    truncateSync(path, 100_000);
    const message = `expected weights in ${path} as long as they are in use`;
    expect(() => multiply(weight)).toThrow(NativeError);
    expect(() => multiply(weight)).toThrow(message);
    expect(() => decodeWeight(new Float32Array(SIZE * SIZE), weight)).toThrow(message);
    expect(multiply(whole.weight)[SIZE - 1]).toBe(SIZE);
  });

  test("a step that is repeated fails alike", () => {
    const { path, weight } = weightIn("repeated");
    const out = new Float32Array(SIZE);
    const graph = createGraph(["linear"], [[out, ones, weight, null, SIZE, 0]]);
    replayGraph(graph, new Int32Array(1));
    expect(out[SIZE - 1]).toBe(SIZE);
    truncateSync(path, 0);
    expect(() => replayGraph(graph, new Int32Array(1))).toThrow(path);
    expect(() => replayGraph(graph, new Int32Array(1))).toThrow(path);
  });

  test("the same path can be loaded again", () => {
    const { path, weight } = weightIn("again");
    truncateSync(path, 0);
    expect(() => multiply(weight)).toThrow(path);
    expect(multiply(weightIn("again").weight)[0]).toBe(SIZE);
  });
});
