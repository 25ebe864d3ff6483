/** The small fused kernels against their definitions in float64. */

import {
  ACTIVATIONS,
  chooseExperts,
  embedding,
  gate,
  projectHeads,
  type RoutingSpec,
  rmsNorm,
  rotary,
  silu,
  storageOf,
  takeAlongAxis,
  topKIndices,
  type Weight,
} from "@mixtape/ops";
import { type Dtype, fromFloat32, toFloat32, viewOfBytes } from "@mixtape/safetensors";
import { memory, type Tensor, tensor1d, tensor2d, tensor3d, tensor4d, tidy, transpose } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NativeError } from "../../src/index.js";
import { type Isa, onIsa } from "./isa.js";
import { expectSame, normal, odd, uniform } from "./numbers.js";

/** Of what a kernel gives, leaving nothing behind. */
function numbersOf(run: () => Tensor): Float32Array {
  const before = memory().numTensors;
  const numbers = tidy(() => run().dataSync<"float32">().slice());
  expect(memory().numTensors).toBe(before);
  return numbers;
}

/** Expects numbers within a few float32 roundings of terms as large as `size`. */
function expectNear(y: Float32Array, exact: ArrayLike<number>, size: (index: number) => number): void {
  expect(y.length).toBe(exact.length);
  for (let i = 0; i < y.length; i++) {
    const apart = Math.abs(y[i]! - exact[i]!);
    if (!(apart <= size(i) * 1e-6)) expect({ at: i, value: y[i] }).toEqual({ at: i, value: exact[i] });
  }
}

const FORMULAS: Record<string, (x: number) => number> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  gelu_pytorch_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** By its series. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 150; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** The columns of the k largest, as a sort that keeps the order of equals has them. */
function sortedTop(row: Float32Array, k: number): number[] {
  return [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, k);
}

const rowsOf = (x: Float32Array, width: number) =>
  Array.from({ length: x.length / width }, (_, row) => x.subarray(row * width, (row + 1) * width));

export function rowsTests(isa: Isa): void {
  onIsa(isa, () => {
    describe("rmsNorm", () => {
      const check = (rows: number, width: number, hasResidual: boolean, seed: number) => {
        const x = normal(rows * width, seed, 3);
        const scale = normal(width, seed + 1);
        const residual = hasResidual ? normal(rows * width, seed + 2) : undefined;
        const exact = new Float64Array(x.length);
        rowsOf(x, width).forEach((row, r) => {
          const mean = row.reduce((sum, value) => sum + value * value, 0) / width;
          row.forEach((value, i) => {
            exact[r * width + i] = (value * scale[i]!) / Math.sqrt(mean + 1e-5) + (residual?.[r * width + i] ?? 0);
          });
        });
        const y = numbersOf(() => {
          const shape: [number, number] = [rows, width];
          const added = residual && tensor2d(residual, shape);
          return rmsNorm(tensor2d(x, shape), tensor1d(scale), 1e-5, added);
        });
        expectNear(y, exact, (i) => Math.abs(exact[i]!) + Math.abs(residual?.[i] ?? 0) + 0.01);
      };

      test("of any width, with and without a residual", () => {
        for (let width = 1; width <= 70; width++)
          for (const hasResidual of [false, true]) check(3, width, hasResidual, width);
      });

      test("of many rows, on all threads", () => {
        check(700, 128, false, 1);
        check(33, 2048, true, 2);
      });
    });

    describe("projectHeads", () => {
      // Whole numbers, whose sums are exact in any order and in any format.
      const whole = (count: number, seed: number, most: number) =>
        normal(count, seed, most / 2).map((value) => Math.max(-most, Math.min(most, Math.round(value))));

      const place = async (values: Float32Array, shape: [number, number], storage: Dtype | "tensor" | "transposed") => {
        if (storage === "tensor") return weightOf(tensor2d(values, shape), "plain", shape);
        if (storage === "transposed") return weightOf(transpose(tensor2d(values, shape)), "transposed", shape);
        return storageOf().place(viewOfBytes("w", storage, shape, fromFloat32(values, storage)), "matrix");
      };
      const weightOf = (tensor: Tensor, layout: "plain" | "transposed", shape: number[]): Weight => ({
        role: "matrix",
        shape,
        layout,
        parts: [tensor],
      });

      const check = async (
        [rows, length, width]: [number, number, number],
        [heads, groups, head]: [number, number, number],
        storages: readonly (Dtype | "tensor" | "transposed")[],
        hasBias: boolean,
      ) => {
        const x = whole(rows * length * width, 1, 8);
        const maps = [heads, groups, groups].map((count, i) => ({
          count,
          w: whole(count * head * width, i + 2, 4),
          bias: hasBias ? whole(count * head, i + 5, 100) : undefined,
        }));
        const weights = await Promise.all(maps.map(({ w, count }, i) => place(w, [count * head, width], storages[i]!)));
        const before = memory().numTensors;
        tidy(() => {
          const [q, k, v] = maps.map(({ bias }, i) => ({ weight: weights[i]!, bias: bias && tensor1d(bias) }));
          const y = projectHeads(tensor3d(x, [rows, length, width]), { q: q!, k: k!, v: v! }, head);
          maps.forEach(({ w, bias, count }, i) => {
            expect(y[i]!.shape).toEqual([rows, count, length, head]);
            const exact = Float32Array.from({ length: rows * count * length * head }, (_, at) => {
              const [out, t] = [at % head, Math.floor(at / head) % length];
              const lane = Math.floor(at / head / length);
              const token = Math.floor(lane / count) * length + t;
              const output = (lane % count) * head + out;
              let sum = bias?.[output] ?? 0;
              for (let m = 0; m < width; m++) sum += x[token * width + m]! * w[output * width + m]!;
              return sum;
            });
            expect([...y[i]!.dataSync<"float32">()]).toEqual([...exact].map((value) => value + 0));
          });
        });
        expect(memory().numTensors).toBe(before);
        for (const { parts } of weights) for (const part of parts) part.dispose();
      };

      test("of one token, of some, and of rows of some, in any format", async () => {
        for (const [rows, length] of [
          [1, 1],
          [3, 1],
          [1, 5],
          [2, 3],
          [2, 40],
        ] as const)
          for (const storage of ["F32", "BF16", "F16", "tensor"] as const)
            for (const head of [4, 33, 64])
              await check([rows, length, 70], [4, 2, head], [storage, storage, storage], head === 33);
      });

      test("of matrices in several formats, or transposed, and of heads larger than a share", async () => {
        await check([2, 7, 40], [2, 1, 16], ["BF16", "F32", "F16"], true);
        await check([1, 1, 40], [2, 1, 16], ["F16", "BF16", "BF16"], true);
        await check([2, 7, 40], [2, 1, 16], ["transposed", "transposed", "transposed"], true);
        await check([1, 3, 2000], [2, 1, 130], ["BF16", "BF16", "BF16"], false);
      });
    });

    describe.each([false, true])("rotary, interleaved: %s", (interleaved) => {
      const check = (
        b: number,
        h: number,
        l: number,
        width: number,
        rotaryDim: number,
        tables: number,
        seed: number,
      ) => {
        const x = normal(b * h * l * width, seed);
        const [cos, sin] = [normal(tables * l * rotaryDim, seed + 1), normal(tables * l * rotaryDim, seed + 2)];
        const exact = Float64Array.from(x);
        for (let row = 0; row < b * h * l; row++) {
          const table = ((tables === 1 ? 0 : Math.floor(row / (h * l))) * l + (row % l)) * rotaryDim;
          for (let i = 0; i < rotaryDim; i++) {
            const half = rotaryDim / 2;
            const [isFirst, apart] = interleaved ? [i % 2 === 0, 1] : [i < half, half];
            const angle = table + (interleaved ? Math.floor(i / 2) + (i % 2) * half : i);
            const at = row * width + i;
            exact[at] = x[at]! * cos[angle]! + (isFirst ? -x[at + apart]! : x[at - apart]!) * sin[angle]!;
          }
        }
        const y = numbersOf(() =>
          rotary(
            tensor4d(x, [b, h, l, width]),
            { cos: tensor3d(cos, [tables, l, rotaryDim]), sin: tensor3d(sin, [tables, l, rotaryDim]) },
            { interleaved },
          ),
        );
        expectNear(y, exact, () => 5);
      };

      test("of heads of any width, wholly or partly", () => {
        for (let width = 2; width <= 70; width++)
          for (const rotaryDim of [0, 2, width - (width % 2), 2 * Math.floor(width / 4)])
            check(1, 2, 3, width, rotaryDim, 1, width);
      });

      test("of one position, of rows with positions of their own, and on all threads", () => {
        check(1, 32, 1, 128, 128, 1, 1);
        check(3, 4, 1, 34, 34, 1, 2);
        check(3, 4, 1, 34, 34, 3, 3);
        check(2, 3, 5, 16, 8, 2, 4);
        check(2, 4, 100, 64, 64, 2, 5);
      });
    });

    describe.each(ACTIVATIONS)("gate by $name", (activation) => {
      test("of any length", () => {
        for (const n of [...Array(71).keys(), 40_001]) {
          const [x, up] = [normal(n, n, 4), normal(n, n + 1)];
          const y = numbersOf(() => gate(tensor1d(x), tensor1d(up), activation));
          const exact = Float64Array.from(x, (value, i) => FORMULAS[activation.name]!(value) * up[i]!);
          expectNear(y, exact, (i) => Math.max(Math.abs(x[i]!) + 1, Math.abs(exact[i]!)));
        }
      });
    });

    describe("embedding", () => {
      test.each<Dtype>(["F32", "BF16", "F16"])("of a table of %s", async (dtype) => {
        for (const width of [1, 7, 16, 33, 70]) {
          const values = normal(11 * width, width);
          const bytes = fromFloat32(values, dtype);
          const table = await storageOf().place(viewOfBytes("table", dtype, [11, width], bytes), "table");
          const stored = rowsOf(toFloat32(bytes, dtype), width);
          const ids = Int32Array.from({ length: 3000 / width }, (_, i) => (i * 7) % 11);
          const y = numbersOf(() => embedding(tensor1d(ids, "int32"), table));
          expect(rowsOf(y, width)).toEqual([...ids].map((id) => stored[id]!));
          for (const wrong of [-1, 11, 2 ** 31 - 1, -(2 ** 31)])
            tidy(() => {
              expect(() => embedding(tensor1d([0, wrong], "int32"), table)).toThrow(NativeError);
            });
          table.parts[0]!.dispose();
        }
      });

      test("of a table that lies transposed, and of no ids", () => {
        tidy(() => {
          const parts = [tensor2d([1, 2, 3, 4, 5, 6], [2, 3])];
          const weight = { role: "table", shape: [3, 2], layout: "transposed", parts } as const;
          expect(embedding(tensor1d([2, 0], "int32"), weight).dataSync()).toEqual(Float32Array.of(3, 6, 1, 4));
          expect(embedding(tensor1d([], "int32"), weight).shape).toEqual([0, 2]);
        });
      });
    });

    describe("topKIndices", () => {
      test("takes the largest, of equal ones the first", () => {
        const few = fc.integer({ min: -3, max: 3 });
        fc.assert(
          fc.property(
            fc.array(fc.array(few, { minLength: 20, maxLength: 20 }), { minLength: 1, maxLength: 5 }),
            fc.integer({ min: 1, max: 20 }),
            (rows, k) => {
              const scores = Float32Array.from(rows.flat());
              const y = tidy(() => topKIndices(tensor2d(scores, [rows.length, 20]), k).dataSync());
              expect([...y]).toEqual(rowsOf(scores, 20).flatMap((row) => sortedTop(row, k)));
            },
          ),
        );
      });

      test("on all threads, and a NaN is larger than nothing", () => {
        const scores = normal(900 * 128, 4);
        const y = tidy(() => topKIndices(tensor2d(scores, [900, 128]), 8).dataSync());
        expect([...y]).toEqual(rowsOf(scores, 128).flatMap((row) => sortedTop(row, 8)));
        const [nan, inf] = [Number.NaN, Number.NEGATIVE_INFINITY];
        const odd = tidy(() => topKIndices(tensor2d([[1, 5, nan, 7, inf]]), 4).dataSync());
        expect([...odd]).toEqual([1, 0, 2, 3]);
      });
    });

    test("takeAlongAxis takes what the indices say, and refuses others", () => {
      const x = odd(40 * 9, 3);
      const indices = Int32Array.from({ length: 40 * 5 }, (_, i) => (i * 11) % 9);
      const y = numbersOf(() => takeAlongAxis(tensor2d(x, [40, 9]), tensor2d(indices, [40, 5], "int32")));
      expectSame(
        y,
        Float32Array.from(indices, (index, i) => x[Math.floor(i / 5) * 9 + index]!),
      );
      for (const wrong of [-1, 9])
        tidy(() => {
          const indices = tensor2d([[0, wrong]], [1, 2], "int32");
          expect(() => takeAlongAxis(tensor2d(x.subarray(0, 9), [1, 9]), indices)).toThrow(NativeError);
        });
    });

    describe("chooseExperts", () => {
      const check = (
        tokens: number,
        experts: number,
        choice: Omit<RoutingSpec, "bias">,
        hasBias: boolean,
        seed: number,
      ) => {
        const logits = normal(tokens * experts, seed, 2);
        const bias = hasBias ? normal(experts, seed + 1) : undefined;
        const { k, score, normalize, scale } = choice;
        const before = memory().numTensors;
        const [indices, weights] = tidy(() => {
          const chosen = chooseExperts(tensor2d(logits, [tokens, experts]), {
            ...choice,
            bias: bias && tensor1d(bias),
          });
          return [rowsOf(chosen.indices.dataSync<"float32">(), k), rowsOf(chosen.weights.dataSync<"float32">(), k)];
        });
        expect(memory().numTensors).toBe(before);
        rowsOf(logits, experts).forEach((row, token) => {
          const sum = row.reduce((total, value) => total + Math.exp(value), 0);
          const scores = Float64Array.from(row, (value) =>
            score === "softmax" ? Math.exp(value) / sum : 1 / (1 + Math.exp(-value)),
          );
          const ranks = scores.map((value, i) => value + (bias?.[i] ?? 0));
          const expected = [...ranks.keys()].sort((a, b) => ranks[b]! - ranks[a]!).slice(0, k);
          expect([...indices![token]!]).toEqual(expected);
          const chosen = expected.map((index) => scores[index]!);
          const total = normalize ? chosen.reduce((a, b) => a + b, 0) : 1;
          expectNear(
            weights![token]!,
            chosen.map((value) => (value / total) * scale),
            () => 4 * scale,
          );
        });
      };

      test("by softmax and by sigmoid, with a bias and without, of any number of experts", () => {
        for (const score of ["softmax", "sigmoid"] as const)
          for (const hasBias of [false, true])
            for (const [tokens, experts, k] of [
              [1, 1, 1],
              [1, 128, 8],
              [5, 37, 3],
              [3, 8, 8],
              [400, 128, 8],
            ] as const) {
              check(tokens, experts, { k, score, normalize: true, scale: 2.826 }, hasBias, experts);
              check(tokens, experts, { k, score, normalize: false, scale: 1 }, hasBias, experts + 1);
            }
      });

      test("of equal scores the lower expert comes first", () => {
        tidy(() => {
          const choice = { k: 3, score: "sigmoid", normalize: true, scale: 1 } as const;
          const { indices, weights } = chooseExperts(tensor2d([[1, 2, 1, 2, 1]]), choice);
          expect([...indices.dataSync()]).toEqual([1, 3, 0]);
          expect(weights.dataSync<"float32">().reduce((a, b) => a + b)).toBeCloseTo(1, 6);
        });
      });
    });

    test("the same numbers come out on a second run, whatever was computed between", () => {
      const next = uniform(1);
      const x = normal(64 * 96, 1);
      const run = () => numbersOf(() => rmsNorm(tensor2d(x, [64, 96]), tensor1d(normal(96, 2)), 1e-6));
      const first = run();
      for (let i = 0; i < 20; i++) {
        const n = 1 + Math.floor(next() * 9000);
        numbersOf(() => gate(tensor1d(normal(n, i)), tensor1d(normal(n, i)), silu));
        expectSame(run(), first);
      }
    });
  });
}
