/** Gradient checkpointing, and the random numbers that it draws again. */

import {
  add,
  dispose,
  grads,
  matMul,
  memory,
  mul,
  type Scalar,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  currentRng,
  dropout,
  gradientCheckpoint,
  jitter,
  Rng,
  rmsNorm,
  valueAndGradientsOf,
  withRng,
} from "../../src/index.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { normal, toTensor } from "../support/values.js";

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  describe("checkpoint", () => {
    /** A block of a fused op, a product with a weight, and dropout; twice, and a second value from the middle. */
    const block = (x: Tensor, w: Tensor2D, scale: Tensor1D): [Tensor, Tensor] => {
      const inner = dropout(matMul(rmsNorm(x as Tensor2D, scale, 1e-5), w), 0.3);
      return [add(x, square(dropout(inner, 0.5))), inner];
    };

    /** The loss of two blocks, and its gradients, as numbers. */
    function run(times: number): { values: number[][]; drawn: number } {
      const xs = [normal(1, [3, 4]), normal(2, [4, 4]), normal(3, [4])].map(toTensor);
      const randomness = new Rng(7);
      const { value, gradients } = withRng(randomness, () =>
        valueAndGradientsOf(() => {
          const [x, w, scale] = xs as [Tensor2D, Tensor2D, Tensor1D];
          const wrapped = (level: number, input: Tensor): readonly Tensor[] =>
            level === 0 ? block(input, w, scale) : gradientCheckpoint(([again]) => wrapped(level - 1, again!), [input]);
          const [first, inner] = wrapped(times, x) as [Tensor, Tensor];
          const [second] = wrapped(times, first) as [Tensor];
          return sum(add(mul(second, second), inner)) as Scalar;
        }, xs),
      );
      const values = [value, ...gradients].map((one) => [...one!.dataSync()]);
      dispose([value, ...(gradients as Tensor[]), ...xs]);
      return { values, drawn: randomness.uniform([1]).dataSync()[0]! };
    }

    test.each([1, 2])(
      "%d deep: gradients, dropout and what is drawn next are the same, and nothing is left",
      (times) => {
        const before = memory().numTensors;
        tidy(() => {
          const [plain, checkpointed] = [run(0), run(times)];
          expect(checkpointed).toEqual(plain);
          expect(plain.values.every((values) => values.some((value) => value !== 0))).toBe(true);
        });
        expect(memory().numTensors).toBe(before);
      },
    );

    test("keeps what goes in alone", () => {
      const kept = (f: (input: Tensor) => Tensor): number => {
        const x = toTensor(normal(1, [50, 40]));
        let during = 0;
        const { value, gradients } = valueAndGradientsOf(() => {
          const before = memory().numBytes;
          const y = tidy(() => f(x));
          during = memory().numBytes - before;
          return sum(y) as Scalar;
        }, [x]);
        dispose([x, value, ...(gradients as Tensor[])]);
        return during;
      };
      const chain = (input: Tensor): Tensor => square(square(square(input)));
      // Its value and its input; else the inputs of every square, too.
      expect(kept((input) => gradientCheckpoint(([again]) => [chain(again!)], [input])[0]!)).toBe(2 * 50 * 40 * 4);
      expect(kept(chain)).toBe(4 * 50 * 40 * 4);
    });

    test("what a variable has no part in gives it no gradient", () => {
      const [used, unused] = [tensor1d([1, 2]), tensor1d([3])];
      const { value, gradients } = valueAndGradientsOf(
        () => sum(gradientCheckpoint(([x]) => [square(x!)], [used])[0]!) as Scalar,
        [used, unused],
      );
      expect([...gradients[0]!.dataSync()]).toEqual([2, 4]);
      expect(gradients[1]).toBeUndefined();
      dispose([value, gradients[0]!]);
    });

    test("for tf.grads, and where nothing is recorded, it is its function", () => {
      tidy(() => {
        const x = tensor1d([1, 2]);
        const f = (input: Tensor): Tensor => gradientCheckpoint(([again]) => [square(again!)], [input])[0]!;
        expect([...f(x).dataSync()]).toEqual([1, 4]);
        expect([...grads((y) => f(y!))([x])[0]!.dataSync()]).toEqual([2, 4]);
      });
    });
  });

  describe("randomness", () => {
    test("it is even, the seed decides it, and a copy goes on alike", () => {
      tidy(() => {
        const [one, same, other] = [new Rng(5), new Rng(5), new Rng(6)];
        const values = one.uniform([4, 5000]).dataSync();
        expect(values).toEqual(same.uniform([20_000]).dataSync());
        expect(values).not.toEqual(other.uniform([20_000]).dataSync());
        const tenths = new Array<number>(10).fill(0);
        for (const value of values) tenths[Math.floor(value * 10)]!++;
        // Five standard deviations of a count with p = 0.1 are 212.
        for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(212);
        const second = one.copy().uniform([100]).dataSync();
        expect(second).toEqual(one.uniform([100]).dataSync());
        expect(second).not.toEqual(values.slice(0, 100));
        expect(() => new Rng(0.5)).toThrow("Rng: expected whole numbers");
      });
    });

    test("normal samples have mean 0, variance 1, and the tails of a normal distribution", () => {
      tidy(() => {
        const [one, same] = [new Rng(7), new Rng(7)];
        const values = [...one.normal([4, 5000]).dataSync()];
        expect(values).toEqual([...same.normal([20_000]).dataSync()]);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
        // Five standard deviations of the mean and of the variance.
        expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000));
        expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / 20_000));
        for (const [z, share] of [
          [1, 0.3173],
          [2, 0.0455],
          [3, 0.0027],
        ] as const) {
          const beyond = values.filter((value) => Math.abs(value) > z).length / values.length;
          expect(Math.abs(beyond - share)).toBeLessThan(5 * Math.sqrt(share / 20_000));
        }
        expect(values.every(Number.isFinite)).toBe(true);
      });
    });

    test("dropout and jitter are off in inference, and where they are 0", () => {
      tidy(() => {
        const x = tensor1d([1, 2, 3]);
        expect(currentRng()).toBeUndefined();
        expect([dropout(x, 0.5), jitter(x, 0.5)]).toEqual([x, x]);
        withRng(new Rng(1), () => {
          expect([dropout(x, 0), jitter(x, 0)]).toEqual([x, x]);
          withRng(undefined, () => expect(dropout(x, 0.5)).toBe(x));
          expect(dropout(x, 0.5)).not.toBe(x);
        });
        expect(() => dropout(x, 1)).toThrow("dropout: expected a p from 0 to below 1, got 1");
        expect(() => jitter(x, -1)).toThrow("jitter: expected an eps of at least 0");
      });
    });

    test("dropout keeps 1 − p of the elements, larger, and its gradient is the mask", () => {
      tidy(() => {
        const x = toTensor({ shape: [10_000], dtype: "float32", values: new Float32Array(10_000).fill(3) });
        const { value, gradients } = withRng(new Rng(2), () =>
          valueAndGradientsOf(() => sum(dropout(x, 0.25)) as Scalar, [x]),
        );
        const factors = gradients[0]!.dataSync();
        expect([...new Set(factors)].sort()).toEqual([0, Math.fround(1 / 0.75)]);
        const kept = factors.filter((factor) => factor > 0).length;
        expect(Math.abs(kept - 7500)).toBeLessThan(217);
        expect(value.dataSync()[0]! / (kept * 4)).toBeCloseTo(1, 4);
      });
    });

    test("jitter stays within its bounds", () => {
      tidy(() => {
        const values = withRng(new Rng(3), () =>
          jitter(toTensor({ shape: [1000], dtype: "float32", values: new Float32Array(1000).fill(1) }), 0.01),
        ).dataSync();
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0.99 - 1e-6);
        expect(Math.max(...values)).toBeLessThanOrEqual(1.01 + 1e-6);
        expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.019);
      });
    });
  });
});
