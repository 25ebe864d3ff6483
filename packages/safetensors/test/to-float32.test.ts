import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DTYPES, type Dtype } from "../src/dtype.js";
import { fromFloat32 } from "../src/from-float32.js";
import { openSafetensors } from "../src/open.js";
import { toFloat32, toFloat32Transposed } from "../src/to-float32.js";
import { fixture } from "./support.js";

const golden = await openSafetensors(fixture("conversions.safetensors"));
const bytesOf = (name: string) => golden.tensor(name).read();

describe("against torch", () => {
  test.each(["I64", "I32", "U64", "U32", "F64"] as const)("%s rounds once, to the nearest float32", async (dtype) => {
    const expected = toFloat32(await bytesOf(`${dtype} as F32`), "F32");
    expect(toFloat32(await bytesOf(dtype), dtype)).toEqual(expected);
  });

  test.each(["F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"] as const)(
    "every code of %s",
    async (dtype) => {
      const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
      expect(toFloat32(codes, dtype)).toEqual(toFloat32(await bytesOf(`${dtype} codes as F32`), "F32"));
    },
  );

  test.each(["F4", "F6_E2M3", "F6_E3M2"] as const)("every code of %s, packed", async (dtype) => {
    const packed = await bytesOf(`${dtype} codes`);
    expect(toFloat32(packed, dtype)).toEqual(toFloat32(await bytesOf(`${dtype} codes as F32`), "F32"));
  });

  test("every code of F16", () => {
    const codes = Uint16Array.from({ length: 65_536 }, (_, code) => code);
    const values = toFloat32(new Uint8Array(codes.buffer), "F16").map((value) => (Number.isNaN(value) ? 0 : value));
    expect(createHash("sha256").update(values).digest("hex")).toBe(golden.metadata["sha256 of F16 codes as F32"]);
  });
});

test("every code of BF16 is the upper half of its float32", () => {
  const codes = Uint16Array.from({ length: 65_536 }, (_, code) => code);
  const bits = new Uint32Array(toFloat32(new Uint8Array(codes.buffer), "BF16").buffer);
  expect(bits.every((word, code) => word === code * 65_536)).toBe(true);
});

test("BOOL is 0 or 1, and small integers are themselves", () => {
  expect([...toFloat32(new Uint8Array([0, 1, 255]), "BOOL")]).toEqual([0, 1, 1]);
  expect([...toFloat32(new Uint8Array([0, 1, 255]), "U8")]).toEqual([0, 1, 255]);
  expect([...toFloat32(new Uint8Array([0, 1, 255]), "I8")]).toEqual([0, 1, -1]);
  expect([...toFloat32(new Uint8Array([0xff, 0x7f, 0, 0x80]), "I16")]).toEqual([32_767, -32_768]);
});

/** Dtypes that are only read, or that are not real numbers. */
const READ_ONLY = ["F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4", "C64"];
const WRITTEN = DTYPES.filter((dtype) => !READ_ONLY.includes(dtype));

test("dtypes that are only read are refused by name", () => {
  for (const dtype of READ_ONLY) expect(() => fromFloat32(Float32Array.of(1), dtype as Dtype)).toThrow(dtype);
  expect(() => toFloat32(new Uint8Array(8), "C64")).toThrow("expected real numbers, got complex numbers");
});

test.each(WRITTEN)("%s is read at any alignment", (dtype) => {
  const values = dtype === "BOOL" ? [0, 1, 1, 0] : [0, 1, 2, 96];
  const bytes = fromFloat32(Float32Array.from(values), dtype);
  for (let shift = 0; shift < 8; shift++) {
    const shifted = new Uint8Array(bytes.length + 8);
    shifted.set(bytes, shift);
    expect([...toFloat32(shifted.subarray(shift, shift + bytes.length), dtype)]).toEqual(values);
    expect([...toFloat32(Buffer.from(shifted.buffer, shift, bytes.length), dtype)]).toEqual(values);
  }
});

test("aligned F32 shares memory, misaligned F32 does not", () => {
  const bytes = new Uint8Array(12);
  expect(toFloat32(bytes.subarray(4, 12), "F32").buffer).toBe(bytes.buffer);
  expect(toFloat32(bytes.subarray(2, 10), "F32").buffer).not.toBe(bytes.buffer);
});

test("a broken element is refused", () => {
  expect(() => toFloat32(new Uint8Array(5), "BF16")).toThrow("BF16 bytes: expected a multiple of 2, got 5.");
});

describe("toFloat32Transposed", () => {
  const sizes = [
    [0, 5],
    [5, 0],
    [1, 1],
    [1, 70],
    [70, 1],
    [15, 31],
    [16, 32],
    [17, 33],
    [50, 100],
  ] as const;

  test.each(WRITTEN)("%s is the transpose of toFloat32", (dtype: Dtype) => {
    for (const [rows, cols] of sizes) {
      const values = Float32Array.from({ length: rows * cols }, (_, i) =>
        dtype === "BOOL" ? (i * 7) % 2 : (i * 7) % 128,
      );
      const bytes = fromFloat32(values, dtype);
      const plain = toFloat32(bytes, dtype);
      const expected = Float32Array.from(
        { length: rows * cols },
        (_, i) => plain[(i % rows) * cols + Math.floor(i / rows)]!,
      );
      expect(toFloat32Transposed(bytes, dtype, rows, cols)).toEqual(expected);
    }
  });

  test("keeps the bits of NaN and the sign of zero", () => {
    const bits = new Uint32Array([0x7fc01234, 0xffc04321, 0x80000000, 0]);
    const result = new Uint32Array(toFloat32Transposed(new Uint8Array(bits.buffer), "F32", 2, 2).buffer);
    expect([...result]).toEqual([bits[0], bits[2], bits[1], bits[3]]);
  });

  test("does not share memory", () => {
    const bytes = new Uint8Array(16);
    expect(toFloat32Transposed(bytes, "F32", 2, 2).buffer).not.toBe(bytes.buffer);
  });

  test("refuses another number of elements", () => {
    expect(() => toFloat32Transposed(new Uint8Array(12), "F32", 2, 2)).toThrow("expected 2 × 2 elements, got 3");
  });
});
