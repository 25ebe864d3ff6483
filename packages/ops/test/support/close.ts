import type { Tensor } from "@tensorflow/tfjs-core";
import { expect } from "vitest";

/** How far a number may lie from what was expected: `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** What two orders of summation in float32 differ by, for sums of up to a few hundred numbers near 1. */
const FLOAT32: Tolerance = { absolute: 2e-6, relative: 2e-6 };

/** Fails with the first numbers that lie too far off. NaN equals nothing. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = FLOAT32): void {
  expect(actual.length).toBe(expected.length);
  const far: string[] = [];
  for (let i = 0; i < expected.length && far.length < 5; i++) {
    const [got, want] = [actual[i]!, expected[i]!];
    const allowed = tolerance.absolute + tolerance.relative * Math.abs(want);
    if (!(Math.abs(got - want) <= allowed)) far.push(`[${i}] ${got}, expected ${want} ± ${allowed}`);
  }
  expect(far).toEqual([]);
}

/** The same for a tensor, whose shape is compared too. */
export function expectTensor(
  actual: Tensor,
  expected: { shape: readonly number[]; values: ArrayLike<number> },
  tolerance = FLOAT32,
): void {
  expect(actual.shape).toEqual(expected.shape);
  expectClose(actual.dataSync(), expected.values, tolerance);
}
