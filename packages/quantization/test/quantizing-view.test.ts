/** Quantised matrices: their planes decode to what a plain computation gives, and no simple choice of scales is better. */

import { fromFloat32, type TensorView, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { describe, expect, test } from "vitest";
import { quantizingView } from "../src/encode/quantizing-view.js";
import type { WeightScheme } from "../src/encode/weight-scheme.js";
import { QuantizationError } from "../src/errors.js";

const SCHEMES: readonly WeightScheme[] = [
  { type: "int", bits: 4, groupSize: 32 },
  { type: "int", bits: 4, groupSize: "channel" },
  { type: "int", bits: 8, groupSize: 32 },
  { type: "int", bits: 8, groupSize: "channel" },
];

describe.each(SCHEMES)("$bits bits, groups of $groupSize", (scheme) => {
  const [rows, columns] = [64, 256];
  const values = normals(rows * columns, 7);
  const view = viewOf("w", [rows, columns], values);
  const quantized = quantizingView(view, scheme);
  const size = scheme.groupSize === "channel" ? columns : scheme.groupSize;
  const half = 2 ** (scheme.bits - 1);

  test("planes are those of pack-quantized", async () => {
    const { weight, scale } = quantized.quantized!.planes as Record<string, TensorView>;
    expect([weight!.dtype, weight!.shape]).toEqual(["I32", [rows, (columns * scheme.bits) / 32]]);
    expect([scale!.dtype, scale!.shape]).toEqual(["BF16", [rows, columns / size]]);
    const codes = await weight!.read();
    const scales = toFloat32(await scale!.read(), "BF16");
    const decoded = Float32Array.from(values, (_, k) => {
      const byte = codes[(k * scheme.bits) >> 3]!;
      const code = scheme.bits === 8 ? byte : (byte >> (4 * (k & 1))) & 15;
      return (code - half) * scales[Math.floor(k / size)]!;
    });
    expect(await floats(quantized)).toEqual(decoded);
  });

  test("the error is below that of scales from the largest value", async () => {
    const error = squaredError(values, await floats(quantized));
    for (const steps of [half - 1, -half]) expect(error).toBeLessThan(plainError(values, size, steps, half));
  });

  test("parts are quantised as the whole", async () => {
    const whole = await floats(quantized);
    expect(await floats(quantized.slice(3, 9))).toEqual(whole.slice(3 * columns, 9 * columns));
    expect(await floats(quantized.at(5))).toEqual(whole.slice(5 * columns, 6 * columns));
    const stack = quantizingView(viewOf("stack", [4, rows / 4, columns], values), scheme);
    expect(await floats(stack)).toEqual(whole);
    const expert = stack.at(2);
    const part = whole.slice(whole.length / 2, (whole.length * 3) / 4);
    expect(await floats(expert)).toEqual(part);
    const planes = Object.values(stack.quantized!.planes);
    for (const [i, plane] of Object.values(expert.quantized!.planes).entries())
      expect(await plane.read()).toEqual(await planes[i]!.at(2).read());
  });

  test("each read of a plane gives the same bytes", async () => {
    const { weight, scale } = quantized.quantized!.planes as Record<string, TensorView>;
    const first = [await weight!.read(), await scale!.read()];
    expect([await weight!.read(), await weight!.read(), await scale!.read()]).toEqual([first[0], first[0], first[1]]);
  });
});

test("multiples of a scale are kept, zeros too", async () => {
  const codes = Array.from({ length: 64 }, (_, i) => (i < 32 ? (i % 16) - 8 : 0));
  const values = Float32Array.from(codes, (code) => code * 0.03125);
  expect(await floats(quantizingView(viewOf("w", [1, 64], values), { type: "int", bits: 4, groupSize: 32 }))).toEqual(
    values,
  );
  const bytes = Float32Array.from({ length: 256 }, (_, i) => (i - 128) * 0.5);
  expect(
    await floats(quantizingView(viewOf("w", [1, 256], bytes), { type: "int", bits: 8, groupSize: "channel" })),
  ).toEqual(bytes);
});

test("values of a group that differ by magnitudes, and tiny ones", async () => {
  const tiny = Float32Array.from({ length: 32 }, (_, i) => (i - 16) * 2 ** -126);
  const huge = Float32Array.from({ length: 32 }, (_, i) => (i === 3 ? 3e38 : 1e-30));
  for (const values of [tiny, huge]) {
    const got = await floats(quantizingView(viewOf("w", [1, 32], values), { type: "int", bits: 4, groupSize: 32 }));
    expect(got.every(Number.isFinite)).toBe(true);
    const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    for (const [i, value] of got.entries()) expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(most / 7);
  }
});

test("values below the smallest scale become zero", async () => {
  const values = Float32Array.from({ length: 32 }, (_, i) => (i - 16) * 2 ** -140);
  const got = await floats(quantizingView(viewOf("w", [1, 32], values), { type: "int", bits: 4, groupSize: 32 }));
  expect(got.every((value) => value === 0)).toBe(true);
});

test("a group size that does not divide the columns", () => {
  const view = viewOf("layers.0.proj.weight", [2, 48], normals(96, 1));
  const error = () => quantizingView(view, { type: "int", bits: 4, groupSize: 32 });
  expect(error).toThrow(QuantizationError);
  expect(error).toThrow(
    'layers.0.proj.weight: expected a group size that divides its 48 columns, got 32. Use a group size of 16 or 8 or "channel" (one scale per row)',
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("%f is refused", async (value) => {
  const values = normals(64, 2);
  values[40] = value;
  const view = quantizingView(viewOf("w", [2, 32], values), { type: "int", bits: 8, groupSize: 32 });
  await expect(view.read()).rejects.toThrow(`w: expected finite numbers, got ${value}`);
  await expect(view.quantized!.planes["weight"]!.read()).rejects.toThrow(QuantizationError);
});

function viewOf(name: string, shape: readonly number[], values: Float32Array): TensorView {
  return viewOfBytes(name, "F32", shape, fromFloat32(values, "F32"));
}

async function floats(view: TensorView): Promise<Float32Array> {
  return toFloat32(await view.read(), view.dtype);
}

function squaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

/** Error of scales by which the value of largest magnitude becomes `steps`, as Q4_0 of llama.cpp has them for −8. */
function plainError(values: Float32Array, size: number, steps: number, half: number): number {
  let error = 0;
  for (let start = 0; start < values.length; start += size) {
    const group = values.subarray(start, start + size);
    const extreme = group.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const scale = extreme / steps;
    for (const value of group) {
      const code = Math.min(half - 1, Math.max(-half, Math.round(value / scale)));
      error += (value - scale * code) ** 2;
    }
  }
  return error;
}

/** Normal deviates by Box and Muller, of a linear congruential generator. */
function normals(count: number, seed: number): Float32Array {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
