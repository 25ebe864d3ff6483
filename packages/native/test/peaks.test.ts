import { expect, test } from "vitest";
import { PRECISIONS } from "../src/addon/handles.js";
import { addon } from "../src/addon.js";
import { NativeError } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

const native = nativeOrNothing();

test.runIf(native)("all bytes are read: a byte anywhere but behind the last whole block is found", () => {
  const bytes = new Uint8Array(3 * 2 ** 20);
  expect(addon().readAll(bytes)).toBe(0);
  for (const at of [3, 2 ** 20 + 7, 3 * 2 ** 20 - 1]) {
    bytes.fill(0);
    // The sign and the exponent of a number are in its last byte.
    bytes[at - (at % 4) + 3] = 0x3f;
    expect(addon().readAll(bytes)).toBe(1);
  }
  expect(() => addon().readAll(new Uint8Array(new ArrayBuffer(9), 1))).toThrow(NativeError);
});

test.runIf(native)("operations are counted in proportion to the rounds", () => {
  for (const precision of Object.values(PRECISIONS)) {
    const one = addon().multiplyRounds(precision, 1);
    expect(one).toBeGreaterThan(0);
    expect(addon().multiplyRounds(precision, 10_000)).toBe(10_000 * one);
    expect(addon().multiplyRounds(precision, 0)).toBe(0);
  }
  expect(() => addon().multiplyRounds(PRECISIONS.float32, 2 ** 20 + 1)).toThrow(NativeError);
});
