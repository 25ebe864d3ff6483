import { describe, expect, test } from "vitest";
import { SafetensorsError, SafetensorsReadError } from "../src/errors.js";
import { viewOf, viewOfBytes } from "../src/view.js";

const stack = viewOfBytes(
  "experts",
  "U8",
  [3, 2, 2],
  Uint8Array.from({ length: 12 }, (_, i) => i),
);

test("a slice has the rows it names", async () => {
  const part = stack.slice(1, 3);
  expect([part.name, part.shape, part.byteLength]).toEqual(["experts[1:3]", [2, 2, 2], 8]);
  expect([...(await part.read())]).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
});

test("an index drops the axis, and parts have parts", async () => {
  const part = stack.at(2).at(1);
  expect([part.name, part.shape]).toEqual(["experts[2][1]", [2]]);
  expect([...(await part.read())]).toEqual([10, 11]);
  expect([...(await stack.slice(1, 3).at(0).slice(1, 2).read())]).toEqual([6, 7]);
  expect(part.at(1).shape).toEqual([]);
});

test("an empty slice reads nothing", async () => {
  expect(stack.slice(3, 3).shape).toEqual([0, 2, 2]);
  expect(await stack.slice(3, 3).read()).toEqual(new Uint8Array(0));
});

test("each read is the caller's own, also of a Buffer", async () => {
  for (const view of [stack, viewOfBytes("buffer", "U8", [3], Buffer.from([0, 1, 2]))]) {
    (await view.read()).fill(9);
    expect((await view.read())[0]).toBe(0);
  }
});

describe("refuses", () => {
  test.each([
    [-1, 1],
    [2, 1],
    [0, 4],
    [0.5, 1],
    [0, Number.NaN],
  ])("slice(%d, %d)", (start, end) => {
    expect(() => stack.slice(start, end)).toThrow(SafetensorsError);
    expect(() => stack.slice(start, end)).toThrow(
      `experts.slice: expected 0 <= start <= end <= 3, got [${start}, ${end}).`,
    );
  });

  test.each([-1, 3, 0.5, Number.NaN])("at(%d)", (index) => {
    expect(() => stack.at(index)).toThrow(`experts.at: expected 0 <= index < 3, got ${index}.`);
  });

  test("parts of a scalar", () => {
    const scalar = viewOfBytes("s", "F32", [], new Uint8Array(4));
    expect(() => scalar.at(0)).toThrow("s.at: expected at least one axis, got a scalar.");
    expect(() => scalar.slice(0, 0)).toThrow("s.slice: expected at least one axis, got a scalar.");
  });

  test("bytes of another length", () => {
    expect(() => viewOfBytes("w", "BF16", [2, 3], new Uint8Array(11))).toThrow(
      "w: expected 12 bytes for BF16 [2, 3], got 11.",
    );
  });

  test("to read more than 4 GiB at once, without asking the source", async () => {
    const read = () => Promise.reject(new Error("asked"));
    const view = viewOf("big", "F32", [2 ** 30, 2], { size: 2 ** 33, read }, 0);
    await expect(view.read()).rejects.toThrow(SafetensorsReadError);
    await expect(view.read()).rejects.toThrow("big: expected at most 4294967296 bytes in one read, got 8589934592.");
  });

  test("a source that returns too little", async () => {
    const view = viewOf("w", "U8", [4], { name: "short", size: 4, read: async () => new Uint8Array(3) }, 0);
    await expect(view.read()).rejects.toThrow("short: w: expected 4 bytes, got 3.");
  });
});
