import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import type * as util from "node:util";
import * as ours from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { currentEngine, useEngine } from "../src/index.js";
import { copyTfjs, emptyProject, FAKE_ON_CPU_KERNELS, installFake } from "./fake-tfjs-node.js";

// As where there is no binary for the platform.
vi.mock("@mixtape/native", () => ({
  registerNative() {
    throw new Error("no binary");
  },
}));

// What holds for the real tfjs-node is checked with MIXTAPE_TEST_ENGINES=tensorflow. Here: a package that brings its own
// copy of tfjs-core.
const project = emptyProject();
const folder = installFake(project, "@tensorflow/tfjs-node", FAKE_ON_CPU_KERNELS);
beforeAll(() => {
  copyTfjs(project);
  vi.stubEnv("MIXTAPE_TFJS_NODE", folder);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(project, { recursive: true });
});

test("a backend that was registered through another copy of tfjs-core works through ours", async () => {
  const warn = vi.spyOn(console, "warn");
  await useEngine("cpu");
  const engine = await useEngine("tensorflow");
  expect(engine).toMatchObject({ name: "tensorflow", backend: "tensorflow", description: "tfjs-node 4.99.0, CPU" });
  expect(currentEngine()).toEqual(engine);
  const theirs = createRequire(`${folder}/`)("@tensorflow/tfjs-core") as typeof ours;
  expect(theirs.tensor1d).not.toBe(ours.tensor1d);
  expect(theirs.engine()).toBe(ours.engine());
  expect(theirs.getBackend()).toBe("tensorflow");

  const x = theirs.tensor2d([1, 2, 3, 4], [2, 2]);
  const y = ours.matMul(x, ours.tensor2d([5, 6, 7, 8], [2, 2]));
  expect([...y.dataSync()]).toEqual([19, 22, 43, 50]);
  expect(y).toBeInstanceOf(ours.Tensor);
  expect(ours.engine().memory().numTensors).toBe(theirs.engine().memory().numTensors);
  expect(warn).not.toHaveBeenCalled();
});

test("and can be left and taken again", async () => {
  await useEngine("wasm");
  expect(ours.getBackend()).toBe("wasm");
  await useEngine("tensorflow");
  expect(ours.getBackend()).toBe("tensorflow");
});

test("auto takes it where native does not load", async () => {
  const passedOver = [{ name: "native", reason: "no binary" }];
  expect(await useEngine()).toMatchObject({ name: "tensorflow", passedOver });
});

test("the functions that Node 23 took from util are there", () => {
  const mended = createRequire(import.meta.url)("node:util") as typeof util;
  expect([null, undefined, 0, ""].map(mended.isNullOrUndefined)).toEqual([true, true, false, false]);
  expect(mended.isArray([])).toBe(true);
});
