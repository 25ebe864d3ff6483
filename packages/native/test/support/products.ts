/** Products against their definition in float64: every format, both precisions, odd shapes. */

import { storageOf } from "@mixtape/ops";
import { type Dtype, fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import {
  add,
  elu,
  expandDims,
  fused,
  grads,
  leakyRelu,
  matMul,
  memory,
  mul,
  prelu,
  relu,
  relu6,
  reshape,
  sigmoid,
  sum,
  type Tensor,
  tensor,
  tensor2d,
  transpose,
} from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DTYPES, type NativeDtype, PRECISIONS, type Precision } from "../../src/addon/handles.js";
import { addon } from "../../src/addon.js";
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
const ROUNDS: Readonly<Record<Isa, boolean>> = {
  portable: false,
  avx2: false,
  avx512: true,
  amx: true,
  neon: false,
  neon_dotprod: false,
};

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

    describe("matMul", () => {
      test("is its definition, for any shape, transposed or not, float32 or as weights are stored", () => {
        const size = fc.integer({ min: 1, max: 50 });
        const dtype = fc.constantFrom<NativeDtype>("BF16", "F16", "F32");
        const flags = { transposeA: fc.boolean(), transposeB: fc.boolean(), aIsWeight: fc.boolean(), seed: fc.nat() };
        const any = fc.record({ m: size, depth: size, n: size, dtype, ...flags });
        fc.assert(fc.property(any, checkMatMul), { numRuns: 150 });
      });

      test.each([
        { m: 250, depth: 300, n: 500 },
        { m: 1, depth: 600, n: 33 },
        { m: 490, depth: 7, n: 3 },
        { m: 15, depth: 520, n: 1000 },
      ])("is its definition for [$m, $depth] · [$depth, $n]", (shape) => {
        for (const [transposeA, transposeB] of BOTH)
          checkMatMul({ ...shape, dtype: "BF16", transposeA, transposeB, aIsWeight: false, seed: 5 });
      });

      test("repeats batches as tfjs does, and multiplies many small matrices", () => {
        for (const [outerA, outerB] of [
          [[3], [3]],
          [[2, 3], [3]],
          [[1], [4]],
          [
            [2, 1],
            [1, 5],
          ],
          [
            [7, 20],
            [7, 1],
          ],
        ] as const)
          for (const [transposeA, transposeB] of BOTH) {
            const a = tensor(numbers(size(outerA) * 6, 1), [...outerA, ...(transposeA ? [3, 2] : [2, 3])]);
            const b = tensor(numbers(size(outerB) * 12, 2), [...outerB, ...(transposeB ? [4, 3] : [3, 4])]);
            const got = matMul(a, b, transposeA, transposeB);
            const left = transposeA ? transposed(a) : a;
            const right = transposeB ? transposed(b) : b;
            // By definition: products of all pairs, summed.
            const expected = sum(mul(expandDims(left, -1), expandDims(right, -3)), -2);
            expect(got.shape).toEqual(expected.shape);
            const definition = expected.dataSync();
            for (const [i, value] of got.dataSync().entries()) expect(value).toBeCloseTo(definition[i]!, 5);
          }
      });

      test("multiplies by a weight as it is stored, given a batch axis and given another shape", async () => {
        const values = rounded(numbers(6 * 8, 4), "BF16");
        const view = viewOfBytes("w", "BF16", [6, 8], fromFloat32(values, "BF16"));
        const weight = await storageOf("native").place(view, "matrix");
        const held = weight.parts[0]!;
        const x = tensor(numbers(5 * 6, 3), [5, 6]);
        const plain = tensor(values, [6, 8]);
        for (const [given, same] of [
          [matMul(x, held), matMul(x, plain)],
          [matMul(x, reshape(held, [8, 6]), false, true), matMul(x, reshape(plain, [8, 6]), false, true)],
          [matMul(x, reshape(held, [1, 6, 8])), matMul(x, reshape(plain, [1, 6, 8]))],
        ] as const)
          expect([...given.dataSync()]).toEqual([...same.dataSync()]);
      });

      test("adds a bias and applies any activation where tfjs fuses them, and leaves no tensor behind", () => {
        const a = tensor2d(numbers(12, 1), [3, 4]);
        const b = tensor2d(numbers(20, 2), [4, 5]);
        const bias = tensor(numbers(5, 3));
        const alpha = tensor(numbers(5, 4));
        const apply = {
          linear: (x: Tensor) => x,
          relu,
          relu6,
          elu,
          sigmoid,
          leakyrelu: (x: Tensor) => leakyRelu(x, 0.3),
        };
        for (const [activation, f] of Object.entries({ ...apply, prelu: (x: Tensor) => prelu(x, alpha) })) {
          const before = memory().numTensors;
          const got = fused.matMul({
            a,
            b,
            bias,
            activation: activation as fused.Activation,
            preluActivationWeights: activation === "prelu" ? alpha : undefined,
            leakyreluAlpha: 0.3,
          });
          expect(memory().numTensors).toBe(before + 1);
          const expected = f(add(matMul(a, b), bias)).dataSync();
          for (const [i, value] of got.dataSync().entries()) expect(value).toBeCloseTo(expected[i]!, 6);
        }
      });

      test("int32 and empty matrices are multiplied as tfjs's cpu backend does", () => {
        const ints = matMul(tensor2d([1, 2, 3, 4], [2, 2], "int32"), tensor2d([5, 6, 7, 8], [2, 2], "int32"));
        expect([ints.dtype, ...ints.dataSync()]).toEqual(["int32", 19, 22, 43, 50]);
        expect([...matMul(tensor2d([], [2, 0]), tensor2d([], [0, 2])).dataSync()]).toEqual([0, 0, 0, 0]);
        expect(matMul(tensor2d([], [0, 3]), tensor2d([1, 2, 3], [3, 1])).shape).toEqual([0, 1]);
      });

      test("has tfjs's gradients, through a weight too", () => {
        const [dx, dw] = grads((x: Tensor, w: Tensor) => matMul(x, w, false, true))(
          [tensor2d(numbers(40 * 20, 1), [40, 20]), tensor2d(numbers(30 * 20, 2), [30, 20])],
          tensor2d(numbers(40 * 30, 3), [40, 30]),
        );
        expect([dx!.shape, dw!.shape]).toEqual([
          [40, 20],
          [30, 20],
        ]);
        const dy = numbers(40 * 30, 3);
        const w = numbers(30 * 20, 2);
        let expected = 0;
        for (let i = 0; i < 30; i++) expected += dy[39 * 30 + i]! * w[i * 20 + 19]!;
        expect(dx!.dataSync()[40 * 20 - 1]).toBeCloseTo(expected, 5);
      });

      test("refuses shapes that do not fit, and matrices that are not there", () => {
        const multiply = (left: number[], right: number[], out: number, m = 2) =>
          addon().matMul(
            new Float32Array(out),
            new Float32Array(12),
            new Float32Array(12),
            Int32Array.from(left),
            Int32Array.from(right),
            m,
            3,
            4,
            false,
            false,
          );
        multiply([0, 1], [0, 0], 16);
        expect(() => multiply([0, 2], [0, 0], 16)).toThrow(NativeError);
        expect(() => multiply([0, 1], [0, 1], 16)).toThrow(NativeError);
        expect(() => multiply([0, -1], [0, 0], 16)).toThrow(NativeError);
        expect(() => multiply([0], [0, 0], 16)).toThrow(NativeError);
        expect(() => multiply([0, 1], [0, 0], 15)).toThrow(NativeError);
        expect(() => multiply([0], [0], 20, 5)).toThrow(NativeError);
      });
    });
  });
}

const BOTH = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const;

interface MatMulCase {
  readonly m: number;
  readonly depth: number;
  readonly n: number;
  readonly dtype: NativeDtype;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Which side is a weight in its storage format. The other one is float32. */
  readonly aIsWeight: boolean;
  readonly seed: number;
}

function checkMatMul({ m, depth, n, dtype, transposeA, transposeB, aIsWeight, seed }: MatMulCase): void {
  const a = rounded(numbers(m * depth, seed), aIsWeight ? dtype : "F32");
  const b = rounded(numbers(depth * n, seed + 1), aIsWeight ? "F32" : dtype);
  const [rows, columns] = aIsWeight ? (transposeA ? [depth, m] : [m, depth]) : transposeB ? [n, depth] : [depth, n];
  const weight = addon().copyWeight(DTYPES[dtype], rows, columns, [fromFloat32(aIsWeight ? a : b, dtype)]);
  const one = new Int32Array(1);
  const out = new Float32Array(m * n).fill(Number.NaN);
  const [left, right] = aIsWeight ? [weight, b] : [a, weight];
  addon().matMul(out, left, right, one, one, m, depth, n, transposeA, transposeB);
  addon().release(weight);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let total = 0;
      let magnitude = 0;
      for (let k = 0; k < depth; k++) {
        const term = a[transposeA ? k * m + i : i * depth + k]! * b[transposeB ? j * depth + k : k * n + j]!;
        total += term;
        magnitude += Math.abs(term);
      }
      near(out[i * n + j]!, total, magnitude, depth, `row ${i}, column ${j}`);
    }
}

/** Swaps the last two axes. */
function transposed(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
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
  return {
    x: numbers(tokens * width, seed),
    weights: rounded(numbers(rows * width, seed + 1), dtype),
    bias: biased ? numbers(rows, seed + 2) : null,
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

function numbers(count: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => next() - 0.5);
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
