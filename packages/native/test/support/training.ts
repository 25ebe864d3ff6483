/** Kernels of a training step against their formulas in float64. */

import { type AdamWAttributes, adamW, sumOfSquares } from "@mixtape/ops";
import { tensor1d } from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { backwardTests } from "./backward.js";
import { type Isa, onIsa } from "./isa.js";
import { normal, numbersOf } from "./numbers.js";

const SETTINGS: AdamWAttributes = {
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.1,
  step: 3,
  gradientScale: 0.5,
};

export function trainingTests(isa: Isa): void {
  onIsa(isa, () => {
    describe("the way back", backwardTests);

    describe("adamW", () => {
      // The last is more than one thread takes.
      test.each([1, 15, 16, 70, 50_003])("of %d numbers", (count) => {
        const [w, m, g] = [normal(count, 1), normal(count, 2, 0.1), normal(count, 3)];
        const v = normal(count, 4).map((value) => value * value);
        for (const gradient of [g, undefined]) {
          const given = numbersOf(() => {
            const [weight, mean, variance] = [tensor1d(w), tensor1d(m), tensor1d(v)];
            const updated = adamW(
              { weight, mean, variance, ...(gradient && { gradient: tensor1d(gradient) }) },
              SETTINGS,
            );
            return [updated.weight, updated.mean, updated.variance];
          });
          for (let i = 0; i < count; i++) {
            const scaled = (gradient?.[i] ?? 0) * SETTINGS.gradientScale;
            const mean = 0.9 * m[i]! + 0.1 * scaled;
            const variance = 0.999 * v[i]! + 0.001 * scaled * scaled;
            const unbiased = [mean / (1 - 0.9 ** 3), variance / (1 - 0.999 ** 3)] as const;
            const weight = w[i]! * (1 - 1e-2 * 0.1) - (1e-2 * unbiased[0]) / (Math.sqrt(unbiased[1]) + 1e-8);
            for (const [part, exact] of [weight, mean, variance].entries())
              if (!(Math.abs(given[part]![i]! - exact) <= 1e-6 * (Math.abs(exact) + 1)))
                expect({ part, i, value: given[part]![i] }).toEqual({ part, i, value: exact });
          }
        }
      });
    });

    test("the sum of squares of tensors", () => {
      for (const sizes of [[1], [17, 3], [1_000_003, 5, 40]]) {
        const all = sizes.map((size, i) => normal(size, i));
        const [sum] = numbersOf(() => [sumOfSquares(all.map((values) => tensor1d(values)))]);
        const exact = all.reduce((total, values) => values.reduce((s, value) => s + value * value, total), 0);
        expect(Math.abs(sum![0]! - exact)).toBeLessThanOrEqual(1e-6 * exact);
      }
    });
  });
}
