import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { memory, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { Linear, Param } from "../src/index.js";
import { useCpu, viewOf, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

test("it allocates nothing before it is loaded", async () => {
  const param = await withTensors(() => new Param([1 << 20, 1 << 20], "matrix"));
  expect(param).toMatchObject({
    shape: [1 << 20, 1 << 20],
    size: 2 ** 40,
    isLoaded: false,
    init: "normal",
    dtype: "F32",
  });
  expect(() => param.weight).toThrow("a parameter [1048576,1048576]: expected values, got none. Load a checkpoint");
});

test("it takes values, keeps their dtype, and gives them back", async () => {
  await withTensors(async () => {
    const param = new Param([2, 2], "matrix");
    await param.load(viewOfBytes("w", "BF16", [2, 2], fromFloat32(Float32Array.of(1, 2, 3, 4), "BF16")));
    expect(param).toMatchObject({ dtype: "BF16", isLoaded: true });
    expect(Array.from(param.weight.parts[0]!.dataSync())).toEqual([1, 2, 3, 4]);
    param.dispose();
    expect(param.isLoaded).toBe(false);
    param.dispose();
  });
});

test("loading again frees what was there", async () => {
  const param = new Param([3], "vector");
  await param.load(viewOf([3], [1, 2, 3]));
  await withTensors(() => param.load(viewOf([3], [4, 5, 6])));
  expect(Array.from(param.vector.dataSync())).toEqual([4, 5, 6]);
  param.dispose();
});

test("another shape is refused, and the values stay", async () => {
  const param = new Param([2, 3], "matrix");
  await param.load(viewOf([2, 3], [1, 2, 3, 4, 5, 6]));
  const { numTensors } = memory();
  await expect(param.load(viewOf([3, 2], [1, 2, 3, 4, 5, 6]))).rejects.toThrow("Param.load: expected [2,3], got [3,2]");
  await expect(param.load(viewOf([6], [1, 2, 3, 4, 5, 6]))).rejects.toThrow("Param.load: expected [2,3], got [6]");
  expect(memory().numTensors).toBe(numTensors);
  expect(param.isLoaded).toBe(true);
  param.dispose();
});

test("a module frees all of its parameters, and can be loaded again", async () => {
  await withTensors(async () => {
    const linear = new Linear(2, 1, { bias: true });
    for (let round = 0; round < 2; round++) {
      await linear.weight.load(viewOf([1, 2], [1, 2]));
      await linear.bias!.load(viewOf([1], [3]));
      linear.dispose();
      expect([...linear.namedParameters()].some(([, param]) => param.isLoaded)).toBe(false);
    }
  });
});

test("it is frozen until someone unfreezes it, before it is loaded or after", async () => {
  await withTensors(async () => {
    const param = new Param([2], "vector");
    expect(param.isTrainable).toBe(false);
    param.unfreeze();
    await param.load(viewOf([2], [1, 2]));
    expect([param.isTrainable, [...param.vector.dataSync()]]).toEqual([true, [1, 2]]);
    const { vector } = param;
    param.unfreeze();
    expect(param.vector).toBe(vector);
    param.freeze();
    expect([param.isTrainable, param.vector]).toEqual([false, vector]);
    param.unfreeze();
    expect(param.vector).not.toBe(vector);
    param.dispose();
  });
});

test("what no loss has a gradient by cannot be unfrozen", () => {
  const param = new Param([4], "vector", "zeros", { hasGradient: false });
  expect(() => param.unfreeze()).toThrow("a parameter [4]: expected a parameter with a gradient");
  expect(param.isTrainable).toBe(false);
});

test("it takes new values in its layout, and frees the old", async () => {
  await withTensors(async () => {
    const param = new Param([2, 1, 2], "stack");
    await param.load(viewOf([2, 1, 2], [1, 2, 3, 4]));
    const before = memory().numTensors;
    tidy(() => param.assign([tensor2d([[5, 6]]), tensor2d([[7, 8]])]));
    expect(memory().numTensors).toBe(before);
    expect(param.weight.parts.map((part) => [...part.dataSync()])).toEqual([
      [5, 6],
      [7, 8],
    ]);
    tidy(() => {
      expect(() => param.assign([tensor2d([[5, 6]])])).toThrow("Param.assign: expected [1,2], [1,2], got [1,2]");
    });
    param.dispose();
  });
});
