import { expect, test } from "vitest";
import { positionsOf } from "../src/greedy.js";

test("positions count tokens, not padding", () => {
  expect(positionsOf([0, 0, 1, 1, 1])).toEqual([0, 0, 0, 1, 2]);
  expect(positionsOf([1, 1, 0])).toEqual([0, 1, 0]);
});
