/** Arithmetic, functions, reductions and softmax against float64. */

import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Isa, onIsa } from "./isa.js";
import { expectSame, largestUlps, normal, odd } from "./numbers.js";

const BINARY: Record<
  string,
  { run: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor; exact: (a: number, b: number) => number }
> = {
  add: { run: tf.add, exact: (a, b) => a + b },
  sub: { run: tf.sub, exact: (a, b) => a - b },
  mul: { run: tf.mul, exact: (a, b) => a * b },
  div: { run: tf.div, exact: (a, b) => a / b },
};

const UNARY: Record<string, { run: (x: tf.Tensor) => tf.Tensor; exact: (x: number) => number; ulps: number }> = {
  neg: { run: tf.neg, exact: (x) => -x, ulps: 0 },
  square: { run: tf.square, exact: (x) => x * x, ulps: 0 },
  sqrt: { run: tf.sqrt, exact: Math.sqrt, ulps: 0 },
  relu: { run: tf.relu, exact: (x) => Math.max(x, 0), ulps: 0 },
  rsqrt: { run: tf.rsqrt, exact: (x) => 1 / Math.sqrt(x), ulps: 2 },
  exp: { run: tf.exp, exact: Math.exp, ulps: 2 },
  sigmoid: { run: tf.sigmoid, exact: (x) => 1 / (1 + Math.exp(-x)), ulps: 2 },
  tanh: { run: tf.tanh, exact: Math.tanh, ulps: 2 },
  erf: { run: tf.erf, exact: erf, ulps: 2 },
  softplus: { run: tf.softplus, exact: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), ulps: 2 },
};

/** By its series, which float64 holds to 1e-9 below 4; above, erf is 1 in float32. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Rows of 4 of the last axis and more of others, with ones that are used again. */
const meeting = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom("both", "a", "b")), { minLength: 0, maxLength: 4 })
  .chain((axes) =>
    fc.record({
      axes: fc.constant(axes),
      aRank: fc.integer({ min: 0, max: axes.length }),
      bRank: fc.integer({ min: 0, max: axes.length }),
    }),
  )
  .map(({ axes, aRank, bRank }) => ({
    a: axes.map(([size, who]) => (who === "b" ? 1 : size)).slice(axes.length - aRank),
    b: axes.map(([size, who]) => (who === "a" ? 1 : size)).slice(axes.length - bRank),
  }));

const sizeOf = (shape: readonly number[]) => shape.reduce((size, n) => size * n, 1);

/** The number at an index of the result, of an operand that meets it. */
function at(values: Float32Array, shape: readonly number[], out: readonly number[], index: number): number {
  let place = 0;
  let step = 1;
  for (let fromEnd = 1; fromEnd <= out.length; fromEnd++) {
    const size = shape[shape.length - fromEnd] ?? 1;
    const position = index % out[out.length - fromEnd]!;
    index = Math.floor(index / out[out.length - fromEnd]!);
    if (size !== 1) place += position * step;
    step *= size;
  }
  return values[place]!;
}

/** Runs and gives the numbers, leaving nothing behind. */
function numbersOf(run: () => tf.Tensor): Float32Array {
  return tf.tidy(() => run().dataSync<"float32">().slice());
}

export function elementwiseTests(isa: Isa): void {
  onIsa(isa, () => {
    describe.each(Object.entries(BINARY))("%s", (_, { run, exact }) => {
      test("is exact at any length, of all numbers", () => {
        for (let n = 0; n <= 70; n++) {
          const [a, b] = [odd(n, n + 1), odd(n, n + 1000)];
          const y = numbersOf(() => run(tf.tensor1d(a), tf.tensor1d(b)));
          expectSame(
            y,
            a.map((value, i) => exact(value, b[i]!)),
          );
        }
      });

      test("is exact for any two shapes that meet", () => {
        fc.assert(
          fc.property(meeting, fc.nat(), ({ a, b }, seed) => {
            const [x, y] = [odd(sizeOf(a), seed), odd(sizeOf(b), seed + 1)];
            const out = tf.backend_util.assertAndGetBroadcastShape(a, b);
            const given = numbersOf(() => {
              const result = run(tf.tensor(x, a), tf.tensor(y, b));
              expect(result.shape).toEqual(out);
              return result;
            });
            const expected = Float32Array.from({ length: sizeOf(out) }, (_, i) =>
              exact(at(x, a, out, i), at(y, b, out, i)),
            );
            expectSame(given, expected);
          }),
        );
      });

      test.each([
        ["two of one shape", [3, 20_011], [3, 20_011]],
        ["rows and one row", [7, 9_001], [9_001]],
        ["rows and a number each", [5, 11_003], [5, 1]],
        ["a number each and rows", [5, 1], [5, 11_003]],
        ["a number", [], [40_001]],
        ["heads that share their positions", [2, 3, 8, 1_000], [2, 1, 8, 1_000]],
      ])("is exact on all threads: %s", (_, a, b) => {
        const [x, y] = [odd(sizeOf(a), 1), odd(sizeOf(b), 2)];
        const out = tf.backend_util.assertAndGetBroadcastShape(a, b);
        const given = numbersOf(() => run(tf.tensor(x, a), tf.tensor(y, b)));
        const expected = Float32Array.from({ length: sizeOf(out) }, (_, i) =>
          exact(at(x, a, out, i), at(y, b, out, i)),
        );
        expectSame(given, expected);
      });
    });

    test("equal of any two shapes that meet", () => {
      fc.assert(
        fc.property(meeting, fc.nat(), ({ a, b }, seed) => {
          const few = (count: number, seed: number) =>
            odd(count, seed).map((value) => (value > 0 ? 1 : value < 0 ? -0 : value));
          const [x, y] = [few(sizeOf(a), seed), few(sizeOf(b), seed + 1)];
          const out = tf.backend_util.assertAndGetBroadcastShape(a, b);
          tf.tidy(() => {
            const result = tf.equal(tf.tensor(x, a), tf.tensor(y, b));
            expect(result.shape).toEqual(out);
            expect(result.dtype).toBe("bool");
            const expected = Uint8Array.from({ length: sizeOf(out) }, (_, i) =>
              Number(at(x, a, out, i) === at(y, b, out, i)),
            );
            expectSame(result.dataSync(), expected);
          });
        }),
      );
    });

    test("addN adds as many as there are", () => {
      for (const count of [1, 2, 3, 5]) {
        const terms = Array.from({ length: count }, (_, i) => normal(37, i));
        const expected = terms.slice(1).reduce((sum, term) => sum.map((value, i) => value + term[i]!), terms[0]!);
        expect(numbersOf(() => tf.addN(terms.map((term) => tf.tensor1d(term))))).toEqual(expected);
      }
    });

    test("integers are left to tfjs", () => {
      tf.tidy(() => {
        const sum = tf.add(tf.tensor1d([1, 2_000_000_001], "int32"), tf.tensor1d([2, 3], "int32"));
        expect(sum.dtype).toBe("int32");
        expect(sum.dataSync()).toEqual(Int32Array.of(3, 2_000_000_004));
        expect(tf.add(tf.tensor1d([1, 2], "int32"), tf.tensor1d([0.5, 1])).dataSync()).toEqual(Float32Array.of(1.5, 3));
        expect(tf.add(tf.tensor1d([1, 0], "bool"), tf.scalar(0.5)).dataSync()).toEqual(Float32Array.of(1.5, 0.5));
      });
    });

    describe.each(Object.entries(UNARY))("%s", (name, { run, exact, ulps }) => {
      const inside = (x: number) => Number.isNaN(exact(x)) || Math.abs(exact(x)) >= 2 ** -126 || exact(x) === 0;

      test(`is within ${ulps} ulp`, () => {
        const sizes = Float32Array.from({ length: 60_001 }, (_, i) => (i - 30_000) / 300);
        const all = Float32Array.of(...sizes.map((x) => x / 40), ...sizes, ...odd(3000, 7));
        // Below normal numbers the polynomials give 0.
        const x = all.filter((value) => inside(value) || ulps === 0);
        const y = numbersOf(() => run(tf.tensor1d(x)));
        expect(x.length).toBeGreaterThan(60_000);
        expect(largestUlps(y, Float64Array.from(x, exact))).toBeLessThanOrEqual(ulps);
      });

      test("knows the ends of its range", () => {
        const ends = [0, -0, Infinity, -Infinity, NaN, 200, -200, 3e38, -3e38].filter(inside);
        const y = numbersOf(() => run(tf.tensor1d(ends)));
        const expected = Float32Array.from(ends, exact);
        // What is below all numbers that are normal is 0.
        expect(y.map((value) => (Math.abs(value) < 2 ** -126 ? 0 : value))).toEqual(
          expected.map((value) => (Math.abs(value) < 2 ** -126 ? 0 : value)),
        );
        expect(name === "neg" ? Object.is(y[0], -0) : true).toBe(true);
      });

      test("is the same at any place of any length", () => {
        const x = normal(70, 3, 4);
        const alone = x.map((value) => numbersOf(() => run(tf.tensor1d([value])))[0]!);
        for (let n = 0; n <= 70; n++) {
          const y = numbersOf(() => run(tf.tensor1d(x.subarray(0, n))));
          expectSame(y, alone.subarray(0, n));
        }
        const many = Float32Array.from({ length: 50_000 }, (_, i) => x[i % 70]!);
        expectSame(
          numbersOf(() => run(tf.tensor1d(many))),
          many.map((_, i) => alone[i % 70]!),
        );
      });
    });

    describe("reductions", () => {
      const sumOf = (row: Float32Array) => row.reduce((sum, value) => sum + value, 0);

      test("of the last axis, at any width", () => {
        for (let n = 1; n <= 70; n++) {
          const x = normal(3 * n, n);
          const rows = [0, 1, 2].map((row) => x.subarray(row * n, (row + 1) * n));
          const tensor = () => tf.tensor2d(x, [3, n]);
          const tolerance = (row: Float32Array) => 1e-6 * row.reduce((sum, value) => sum + Math.abs(value), 0);
          const sums = numbersOf(() => tf.sum(tensor(), 1));
          const means = numbersOf(() => tf.mean(tensor(), -1, true));
          rows.forEach((row, i) => {
            expect(Math.abs(sums[i]! - sumOf(row))).toBeLessThanOrEqual(tolerance(row));
            expect(Math.abs(means[i]! - sumOf(row) / n)).toBeLessThanOrEqual(tolerance(row) / n);
          });
          expect(numbersOf(() => tf.max(tensor(), 1))).toEqual(Float32Array.from(rows, (row) => Math.max(...row)));
        }
      });

      test("of any axes, as tfjs has them", () => {
        fc.assert(
          fc.property(
            fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }),
            fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
            fc.boolean(),
            fc.nat(),
            (shape, chosen, keepDims, seed) => {
              const axes = shape.map((_, axis) => axis).filter((axis) => chosen[axis]);
              // Numbers that all sums hold.
              const x = normal(sizeOf(shape), seed).map((value) => Math.round(value * 8) / 8);
              const counts = new Map<string, number[]>();
              x.forEach((value, i) => {
                let left = i;
                const place = shape.map(() => 0);
                for (let axis = shape.length - 1; axis >= 0; axis--) {
                  place[axis] = left % shape[axis]!;
                  left = Math.floor(left / shape[axis]!);
                }
                const key = place.filter((_, axis) => !axes.includes(axis)).join();
                counts.set(key, [...(counts.get(key) ?? []), value]);
              });
              const expected = shape.filter((_, axis) => keepDims || !axes.includes(axis));
              if (keepDims) for (const axis of axes) expected[axis] = 1;
              tf.tidy(() => {
                const sums = tf.sum(tf.tensor(x, shape), axes, keepDims);
                expect(sums.shape).toEqual(expected);
                if (x.length === 0) {
                  expect([...sums.dataSync()].every((value) => value === 0)).toBe(true);
                  return;
                }
                const values = [...counts.values()];
                const total = (row: number[]) => row.reduce((sum, value) => sum + value, 0);
                expect([...sums.dataSync()]).toEqual(values.map((row) => total(row) + 0));
                const largest = tf.max(tf.tensor(x, shape), axes, keepDims).dataSync();
                expect([...largest].map((value) => value + 0)).toEqual(values.map((row) => Math.max(...row) + 0));
              });
            },
          ),
        );
      });

      test("of many numbers lose no digits, however many threads there are", () => {
        const x = normal(1_000_003, 5).map((value) => value + 1);
        const total = x.reduce((sum, value) => sum + value, 0);
        const [sum] = numbersOf(() => tf.sum(tf.tensor1d(x)));
        expect(Math.abs(sum! - total) / total).toBeLessThan(1e-6);
        const columns = numbersOf(() => tf.sum(tf.tensor2d(x.subarray(0, 1_000_000), [20_000, 50]), 0));
        columns.forEach((value, column) => {
          let exact = 0;
          for (let row = 0; row < 20_000; row++) exact += x[row * 50 + column]!;
          expect(Math.abs(value - exact) / exact).toBeLessThan(1e-6);
        });
      });

      test("a NaN is told of, wherever it is", () => {
        for (const n of [1, 5, 16, 37, 70])
          for (let i = 0; i < n; i++) {
            const x = normal(n, n);
            x[i] = NaN;
            expect(numbersOf(() => tf.max(tf.tensor1d(x)))).toEqual(Float32Array.of(NaN));
            expect(numbersOf(() => tf.sum(tf.tensor1d(x)))).toEqual(Float32Array.of(NaN));
          }
      });
    });

    describe("softmax", () => {
      test("at any width", () => {
        for (let n = 1; n <= 70; n++) {
          const x = normal(2 * n, n, 5);
          const y = numbersOf(() => tf.softmax(tf.tensor2d(x, [2, n])));
          for (const row of [0, 1]) {
            const exps = [...x.subarray(row * n, (row + 1) * n)].map(Math.exp);
            const sum = exps.reduce((total, value) => total + value, 0);
            const given = y.subarray(row * n, (row + 1) * n);
            given.forEach((value, i) => {
              expect(Math.abs(value / (exps[i]! / sum) - 1)).toBeLessThan(2e-6);
            });
          }
        }
      });

      test("of many rows, on all threads, and of numbers far from 0", () => {
        const x = normal(300 * 129, 9, 2).map((value) => value + 1000);
        const y = numbersOf(() => tf.softmax(tf.tensor2d(x, [300, 129])));
        for (let row = 0; row < 300; row++) {
          const sum = y.subarray(row * 129, (row + 1) * 129).reduce((total, value) => total + value, 0);
          expect(Math.abs(sum - 1)).toBeLessThan(1e-5);
        }
      });

      test("what is hidden gets nothing, and what is no number is told of", () => {
        const y = numbersOf(() =>
          tf.softmax(
            tf.tensor2d([
              [0, -Infinity, 0],
              [1, NaN, 2],
              [-Infinity, -Infinity, -Infinity],
            ]),
          ),
        );
        expect(y).toEqual(Float32Array.of(0.5, 0, 0.5, NaN, NaN, NaN, NaN, NaN, NaN));
      });
    });
  });
}
