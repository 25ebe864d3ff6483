import { scalar, tensor1d, tensor2d, tensor3d } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { type BatchInput, DecoderError, readBatch } from "../src/index.js";
import { useCpu } from "./support/tiny.js";

beforeAll(useCpu);

test("rows of numbers and tensors read alike", () => {
  const expected = { rows: 2, length: 3, values: Int32Array.of(1, 2, 3, -100, 0, 6) };
  const rows = [
    [1, 2, 3],
    [-100, 0, 6],
  ];
  expect(readBatch(rows, "labels")).toEqual(expected);
  for (const dtype of ["int32", "float32"] as const) {
    const tensor = tensor2d(rows, [2, 3], dtype);
    expect(readBatch(tensor, "labels")).toEqual(expected);
    tensor.dispose();
  }
});

describe("what is no batch is refused by its name", () => {
  const tensors: [string, BatchInput, string][] = [
    [
      "rows of different lengths",
      [[1, 2], [3]],
      "inputIds: expected rows of one length, 2 as the first, got a row of 1. Pad",
    ],
    ["a fraction", [[1, 1.5]], "inputIds: expected 32-bit integers, got 1.5"],
    ["a bigint", [[1, 2n as never]], "inputIds: expected 32-bit integers, got 2"],
    ["NaN", [[Number.NaN]], "inputIds: expected 32-bit integers, got NaN"],
    ["what wraps around to a token", [[2 ** 32 + 1]], "inputIds: expected 32-bit integers, got 4294967297"],
    ["no rows", [], "inputIds: expected at least one token, got 0 × 0"],
    ["empty rows", [[], []], "inputIds: expected at least one token, got 2 × 0"],
  ];
  test.each(tensors)("%s", (_, input, message) => {
    expect(() => readBatch(input, "inputIds")).toThrow(message);
  });

  test.each<[unknown, string]>([
    [[1, 2, 3], "a list with a number in it"],
    [[[1], "2"], "a list with a string in it"],
    [[[1], null], "a list with null in it"],
    ["go", "a string"],
    [undefined, "undefined"],
    [Int32Array.of(1, 2), "a typed array"],
    [{ 0: [1] }, "an object"],
  ])("%j, which JavaScript lets pass", (input, got) => {
    expect(() => readBatch(input as never, "inputIds")).toThrow(DecoderError);
    expect(() => readBatch(input as never, "inputIds")).toThrow(
      `inputIds: expected a list of rows, each a list of whole numbers, or a tensor [B, L], got ${got}. A single row goes into ` +
        "a list too: [[1, 2, 3]].",
    );
  });

  test("rows may be typed arrays", () => {
    expect(readBatch([Int32Array.of(1, 2)] as never, "inputIds").values).toEqual(Int32Array.of(1, 2));
  });

  test("tensors of another rank, and with fractions", () => {
    for (const tensor of [scalar(1, "int32"), tensor1d([1], "int32"), tensor3d([[[1]]])]) {
      expect(() => readBatch(tensor as never, "labels")).toThrow(
        `labels: expected a tensor [B, L], got [${tensor.shape}]`,
      );
      tensor.dispose();
    }
    const fraction = tensor2d([[0.5]]);
    expect(() => readBatch(fraction, "labels")).toThrow("labels: expected 32-bit integers, got 0.5");
    fraction.dispose();
  });
});
