/** Products against their definition in float64: every format, both precisions, odd shapes. */

import { type Dtype, fromFloat32, toFloat32 } from "@mixtape/safetensors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addon, DTYPES, type NativeDtype, PRECISIONS, type Precision } from "../../src/addon.js";
import { NativeError } from "../../src/index.js";
import { type Isa, onIsa } from "./isa.js";

interface Shape {
  readonly rows: number;
  readonly width: number;
  readonly tokens: number;
}

interface Case extends Shape {
  readonly dtype: NativeDtype;
  readonly precision: Precision;
  readonly biased: boolean;
  readonly seed: number;
}

/** Which instruction sets multiply bfloat16 by bfloat16. */
const ROUNDS: Readonly<Record<Isa, boolean>> = { portable: false, avx2: false, avx512: true, amx: true, neon: false };

export function productTests(isa: Isa): void {
  onIsa(isa, () => {
    describe("linear", () => {
      test("is its definition, for any shape, format, precision and bias", () => {
        const shape = {
          rows: fc.integer({ min: 1, max: 40 }),
          width: fc.integer({ min: 1, max: 70 }),
          tokens: fc.integer({ min: 1, max: 40 }),
        };
        fc.assert(
          fc.property(fc.record({ ...shape, ...rest }), (one) => checkLinear(isa, one)),
          { numRuns: 150 },
        );
      });

      test.each([
        { rows: 70, width: 600, tokens: 70 },
        { rows: 33, width: 2100, tokens: 300 },
        { rows: 1, width: 4100, tokens: 5 },
        { rows: 64, width: 2048, tokens: 32 },
        { rows: 300, width: 96, tokens: 530 },
      ])("is its definition for $tokens tokens of [$rows, $width]", (shape) => {
        for (const dtype of ["BF16", "F16", "F32"] as const)
          for (const precision of ["bfloat16", "float32"] as const)
            checkLinear(isa, { ...shape, dtype, precision, biased: true, seed: 7 });
      });

      test("passes what is not a finite number on to the tokens and rows that it meets, and to no other", () => {
        for (const tokens of [1, 2, 5, 17, 40])
          for (const dtype of ["BF16", "F16", "F32"] as const)
            for (const precision of ["bfloat16", "float32"] as const) {
              const one = { rows: 35, width: 45, tokens, dtype, precision, biased: false, seed: 3 };
              const given = make(one);
              given.x[(tokens - 1) * 45 + 44] = Number.NaN;
              given.x[0] = Number.POSITIVE_INFINITY;
              given.weights[34 * 45 + 44] = Number.NEGATIVE_INFINITY;
              given.weights[20 * 45 + 3] = Number.NaN;
              compare(isa, one, given);
            }
      });

      test("refuses a weight of another shape, rows that are not whole, and a released weight", () => {
        const weight = addon().copyWeight(DTYPES.BF16, 3, 4, [new Uint8Array(24)]);
        const linear = (out: number, x: number, width: number, bias: Float32Array | null = null) =>
          addon().linear(new Float32Array(out), new Float32Array(x), weight, bias, width, PRECISIONS.float32);
        linear(6, 8, 4);
        expect(() => linear(6, 9, 4)).toThrow(NativeError);
        expect(() => linear(7, 8, 4)).toThrow(NativeError);
        expect(() => linear(8, 8, 4)).toThrow(NativeError);
        expect(() => linear(6, 8, 2)).toThrow(NativeError);
        expect(() => linear(6, 8, 4, new Float32Array(2))).toThrow(NativeError);
        addon().release(weight);
        expect(() => linear(6, 8, 4)).toThrow(/released/);
      });
    });
  });
}

const rest = {
  dtype: fc.constantFrom<NativeDtype>("BF16", "F16", "F32"),
  precision: fc.constantFrom<Precision>("bfloat16", "float32"),
  biased: fc.boolean(),
  seed: fc.nat(),
};

interface Given {
  readonly x: Float32Array;
  /** As the format holds them. */
  readonly weights: Float32Array;
  readonly bias: Float32Array | null;
}

function make({ rows, width, tokens, dtype, biased, seed }: Case): Given {
  const next = uniform(seed);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => next() - 0.5);
  return {
    x: numbers(tokens * width),
    weights: rounded(numbers(rows * width), dtype),
    bias: biased ? numbers(rows) : null,
  };
}

function checkLinear(isa: Isa, one: Case): void {
  compare(isa, one, make(one));
}

function compare(isa: Isa, { rows, width, tokens, dtype, precision }: Case, { x, weights, bias }: Given): void {
  const out = new Float32Array(tokens * rows).fill(Number.NaN);
  const weight = addon().copyWeight(DTYPES[dtype], rows, width, [fromFloat32(weights, dtype)]);
  addon().linear(out, x, weight, bias, width, PRECISIONS[precision]);
  addon().release(weight);
  const met = ROUNDS[isa] && dtype === "BF16" && precision === "bfloat16" ? rounded(x, "BF16") : x;
  for (let t = 0; t < tokens; t++)
    for (let n = 0; n < rows; n++) {
      let sum = bias?.[n] ?? 0;
      let size = Math.abs(sum);
      for (let k = 0; k < width; k++) {
        const term = met[t * width + k]! * weights[n * width + k]!;
        sum += term;
        size += Math.abs(term);
      }
      near(out[t * rows + n]!, sum, size, width, `token ${t}, row ${n}`);
    }
}

/** Within what float32 sums of so many terms may be off by, in any order (Higham, Accuracy and Stability, 4.2). */
function near(got: number, expected: number, size: number, terms: number, where: string): void {
  const isClose = Number.isFinite(expected)
    ? Math.abs(got - expected) <= (terms + 2) * 2 ** -24 * size
    : Object.is(got, expected);
  if (!isClose) expect.fail(`${where}: expected ${expected}, got ${got}`);
}

/** Numbers as a format holds them. */
function rounded(values: Float32Array, dtype: Dtype): Float32Array {
  return toFloat32(fromFloat32(values, dtype), dtype);
}

/** Uniform in [0, 1), the same in every run. */
function uniform(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
