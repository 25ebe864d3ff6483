/** Numbers to test with, and how far apart float32 numbers are. */

import { memory, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { expect } from "vitest";

/** Uniform in [0, 1), the same in every run. */
export function uniform(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** About normal. */
export function normal(count: number, seed: number, scale = 1): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => scale * (next() + next() + next() + next() - 2) * Math.sqrt(3));
}

/** Numbers of all sizes and signs, and those that break what is not careful. */
export function odd(count: number, seed: number): Float32Array {
  const next = uniform(seed);
  const special = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-45, -1e-40, 3.4028234e38, -3.4028234e38, 1.17549435e-38];
  return Float32Array.from({ length: count }, () =>
    next() < 0.3 ? special[Math.floor(next() * special.length)]! : (next() - 0.5) * 2 ** Math.floor(next() * 60 - 30),
  );
}

/** How many float32 numbers lie between a result and the exact value, rounded up; infinite where one is no number. */
function ulps(y: number, exact: number): number {
  if (Number.isNaN(y) || Number.isNaN(exact)) return Object.is(y, exact) ? 0 : Infinity;
  const rounded = Math.fround(exact);
  if (y === rounded) return 0;
  if (!Number.isFinite(y) || !Number.isFinite(rounded)) return Infinity;
  return Math.abs(y - exact) / ulpOf(rounded);
}

/** How far apart float32 numbers of that size are. */
function ulpOf(x: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23);
}

/** The largest {@link ulps} of some results. */
export function largestUlps(y: ArrayLike<number>, exact: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < exact.length; i++) largest = Math.max(largest, ulps(y[i]!, exact[i]!));
  return largest;
}

/** Expects the very same numbers, one zero being not the other. `toEqual` takes seconds for as many as threads share. */
export function expectSame(y: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(y.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++)
    if (!Object.is(y[i], expected[i])) expect({ at: i, value: y[i] }).toEqual({ at: i, value: expected[i] });
}

/** Of what kernels give, leaving nothing behind. */
export function numbersOf(run: () => readonly Tensor[]): Float32Array[] {
  const before = memory().numTensors;
  const numbers = tidy(() => run().map((tensor) => tensor.dataSync<"float32">().slice()));
  expect(memory().numTensors).toBe(before);
  return numbers;
}
