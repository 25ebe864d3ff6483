import { describe, expect, test } from "vitest";
import type { Dtype } from "../src/dtype.js";
import { SafetensorsError } from "../src/errors.js";
import { fromFloat32 } from "../src/from-float32.js";
import { openSafetensors } from "../src/open.js";
import { toFloat32 } from "../src/to-float32.js";
import { fixture } from "./support.js";

const golden = await openSafetensors(fixture("conversions.safetensors"));
const values = toFloat32(await golden.tensor("values").read(), "F32");

describe("against torch: 27,088 values around every tie, sign and exponent", () => {
  test.each(["F16", "BF16", "F8_E4M3", "F8_E5M2"] as const)("%s", async (dtype) => {
    const ours = fromFloat32(values, dtype);
    const theirs = await golden.tensor(dtype).read();
    const [a, b] = [toFloat32(ours, dtype), toFloat32(theirs, dtype)];
    expect(a.length).toBe(b.length);
    expect(a.findIndex((value, i) => !Object.is(value, b[i]))).toBe(-1);
    expect(b.some(Number.isNaN)).toBe(true);
    // Of a NaN torch keeps only that it is one; all other codes are equal.
    const size = dtype.startsWith("F8") ? 1 : 2;
    expect(ours.findIndex((byte, i) => byte !== theirs[i] && !Number.isNaN(b[Math.floor(i / size)]))).toBe(-1);
  });
});

test("every NaN stays a NaN", () => {
  const bits = new Uint32Array([0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000]);
  for (const dtype of ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"] as const) {
    expect([...toFloat32(fromFloat32(new Float32Array(bits.buffer), dtype), dtype)]).toEqual(Array(5).fill(Number.NaN));
  }
});

test.each(["F64", "I64", "I32", "I16", "I8"] as const)("%s keeps what it can hold", (dtype) => {
  const floats = new Float32Array([0, 1, -1, 127, -128]);
  expect(toFloat32(fromFloat32(floats, dtype), dtype)).toEqual(floats);
});

test.each([
  ["I8", 128],
  ["I8", -129],
  ["U8", -1],
  ["U8", 256],
  ["I16", 32_768],
  ["I32", 2 ** 31],
  ["I64", 2 ** 63],
  ["BOOL", 2],
  ["I32", 0.5],
  ["I64", Number.NaN],
  ["I64", Number.POSITIVE_INFINITY],
] satisfies [Dtype, number][])("%s refuses %d", (dtype, value) => {
  expect(() => fromFloat32(new Float32Array([0, value]), dtype)).toThrow(SafetensorsError);
  expect(() => fromFloat32(new Float32Array([0, value]), dtype)).toThrow(`value 1: expected an integer`);
});

test("I64 holds the ends of its range", () => {
  const bytes = fromFloat32(new Float32Array([-(2 ** 63), 2 ** 62]), "I64");
  expect([...new BigInt64Array(bytes.buffer)]).toEqual([-(2n ** 63n), 2n ** 62n]);
});

test("F32 shares memory, also where the values begin late in their buffer", () => {
  const floats = new Float32Array([1, 2, 3]).subarray(1);
  const bytes = fromFloat32(floats, "F32");
  expect(bytes.buffer).toBe(floats.buffer);
  expect([...toFloat32(bytes, "F32")]).toEqual([2, 3]);
});
