import { OptionError } from "@mixtape/errors";
import { expect, test } from "vitest";
import { memoryBytes } from "../src/memory-size.js";

test.each<[number | string, number]>([
  [123, 123],
  ["8GB", 8e9],
  ["7.5 GiB", 7.5 * 2 ** 30],
  ["500mb", 5e8],
  [" 1KiB ", 1024],
  ["2TB", 2e12],
  ["100B", 100],
])("%j", (size, bytes) => {
  expect(memoryBytes(size, "test")).toBe(bytes);
});

test.each([0, -1, 1.5, Number.NaN, "", "8", "GB", "-1GB", "8 giga", "0GB", null, {}])("%j is refused", (size) => {
  expect(() => memoryBytes(size as never, "loadModel: memory")).toThrow(OptionError);
  expect(() => memoryBytes(size as never, "loadModel: memory")).toThrow(
    "loadModel: memory: expected a number of bytes, or a size such as 8GB, 7.5GiB or 500MB, got",
  );
});
