import { useEngine } from "@mixtape/engine";
import { tensor2d } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { expectAllClose } from "../src/all-close.js";

beforeAll(async () => {
  await useEngine("cpu");
});

test("what is within the tolerance passes, from tensors, values and arrays", async () => {
  const tensor = tensor2d([
    [1, 2],
    [3, 4],
  ]);
  const values = { shape: [2, 2], values: Float32Array.of(1, 2, 3.0625, 4) };
  await expectAllClose(tensor, tensor, { atol: 0 });
  await expectAllClose(tensor, values, { atol: 0.0625 });
  await expectAllClose(values.values, tensor, { atol: 0, rtol: 0.021 });
  await expectAllClose(Float32Array.of(Infinity), Float32Array.of(Infinity), { atol: 0 });
  tensor.dispose();
});

test("the message names the worst element, its place and how many are too far off", async () => {
  const actual = { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3.5, 4, 7) };
  const expected = { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) };
  await expect(expectAllClose(actual, expected, { atol: 0.25, rtol: 0.01 }, "logits")).rejects.toThrow(
    "logits: expected [2,3] within atol 0.25, rtol 0.01; 2 of 6 are not. Worst at [1,2]: expected 5, got 7",
  );
});

test.each([
  ["NaN where a number is expected", [1, Number.NaN], [1, 2]],
  ["NaN where NaN is expected", [1, Number.NaN], [1, Number.NaN]],
  ["a number where NaN is expected", [1, 2], [1, Number.NaN]],
  ["infinity", [1, Infinity], [1, 2]],
  ["the other infinity", [1, Infinity], [1, -Infinity]],
])("%s is not close", async (_, actual, expected) => {
  await expect(
    expectAllClose(Float32Array.from(actual), Float32Array.from(expected), { atol: 1e9, rtol: 1 }),
  ).rejects.toThrow("1 of 2 are not. Worst at [1]");
});

test.each([
  [
    [2, 3],
    [3, 2],
  ],
  [[6], [2, 3]],
  [[1, 6], [7]],
])("shapes %j and %j differ", async (actual, expected) => {
  const zeros = (shape: number[]) => ({ shape, values: new Float32Array(shape.reduce((n, m) => n * m, 1)) });
  await expect(expectAllClose(zeros(actual), zeros(expected), { atol: 1 })).rejects.toThrow(
    `values: expected the shape [${expected}], got [${actual}]`,
  );
});

test("arrays of different lengths differ, empty ones included", async () => {
  const short = Float32Array.of(1);
  await expect(expectAllClose(short, Float32Array.of(1, 2), { atol: 1 })).rejects.toThrow(
    "expected the shape [2], got [1]",
  );
  await expect(expectAllClose(new Float32Array(0), short, { atol: 1 })).rejects.toThrow(
    "expected the shape [1], got [0]",
  );
});
