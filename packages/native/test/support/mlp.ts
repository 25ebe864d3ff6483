/** The gated MLP and routed experts: against their formula with numbers that no step rounds, and against ops' compositions. */

import { ACTIVATIONS, clampedSwiglu, experts, expertsRuns, gatedMlp, relu, silu } from "@mixtape/ops";
import type { Dtype } from "@mixtape/safetensors";
import { memory, setBackend, tensor, tensor2d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../../src/index.js";
import { type Isa, onIsa } from "./isa.js";
import { mlpAddonTests } from "./mlp-addon.js";
import { bfloat16, formula, normals, type Shape, wholeNumbers } from "./mlp-numbers.js";
import { biasesOf, disposePlaced, keep, run, runOn, TENSORS, transposedMatrices, weightsOf } from "./mlp-weights.js";

const same = (x: number) => x;

const drawn = fc.record({
  tokens: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 100 })),
  count: fc.integer({ min: 1, max: 9 }),
  choices: fc.integer({ min: 1, max: 4 }),
  width: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 96, 130, 257)),
  inner: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 100, 161)),
});
const storage = fc.constantFrom<Dtype | "tensor">("F32", "BF16", "F16", "tensor");

/** Instruction sets that multiply pairs of bfloat16. */
const ROUNDS: readonly Isa[] = ["avx512", "amx"];

export function mlpTests(isa: Isa): void {
  onIsa(isa, () => {
    const rounds = ROUNDS.includes(isa);

    describe.each(["bfloat16", "float32"] as const)("with activations in %s", (precision) => {
      beforeAll(() => void registerNative({ precision }));
      afterAll(() => void registerNative());
      const roundFor = (dtype: Dtype | "tensor") =>
        rounds && precision === "bfloat16" && dtype === "BF16" ? bfloat16 : same;

      test("experts are what the formula says, to the bit where no sum is rounded", async () => {
        const property = fc.asyncProperty(drawn, fc.nat(), storage, storage, async (shape, seed, first, down) => {
          const given = wholeNumbers(shape, seed);
          const expected = formula(given, { x: roundFor(first), hidden: roundFor(down) });
          const before = memory().numTensors;
          expect(await run(given, [first, first, down], relu)).toEqual(Float32Array.from(expected));
          expect(memory().numTensors).toBe(before);
        });
        await fc.assert(property, { numRuns: 30 });
      });

      test("a gated MLP is what the formula says, to the bit where no sum is rounded", async () => {
        const property = fc.asyncProperty(drawn, fc.nat(), storage, storage, async (shape, seed, first, down) => {
          const drawn = wholeNumbers({ ...shape, count: 1, choices: 1 }, seed);
          const given = { ...drawn, weights: new Float32Array(shape.tokens).fill(1) };
          const expected = formula(given, { x: roundFor(first), hidden: roundFor(down) });
          const weights = await weightsOf(given, [first, first, down], false);
          const x = keep(tensor(given.x, [1, shape.tokens, shape.width]));
          const y = keep(gatedMlp(x, weights, relu));
          expect(y.shape).toEqual(x.shape);
          expect(y.dataSync()).toEqual(Float32Array.from(expected));
          disposePlaced();
        });
        await fc.assert(property, { numRuns: 30 });
      });

      test("gate and up may be stored in different formats", async () => {
        const given = wholeNumbers({ tokens: 21, count: 3, choices: 2, width: 70, inner: 50 }, 3);
        // Every x that gate sees is kept by bfloat16.
        for (let i = 0; i < given.x.length; i++) given.x[i] = bfloat16(given.x[i]!);
        const expected = formula(given, { x: same, hidden: same });
        expect(await run(given, ["BF16", "F32", "F16"], relu)).toEqual(Float32Array.from(expected));
      });
    });

    const shape: Shape = { tokens: 100, count: 5, choices: 3, width: 200, inner: 96 };

    test.each([1, 7, 100, 400])("all of %i tokens may go to one expert, and twice", async (tokens) => {
      const indices = new Int32Array(tokens * shape.choices).fill(2);
      const given = wholeNumbers({ ...shape, tokens }, 5, indices);
      const expected = formula(given, { x: same, hidden: same });
      expect(await run(given, ["F32", "F32", "F32"], relu)).toEqual(Float32Array.from(expected));
    });

    test("NaN in an expert makes the tokens that chose it NaN, and no other", async () => {
      const given = wholeNumbers({ ...shape, count: 2, choices: 1 }, 7);
      given.indices.forEach((_, i) => {
        given.indices[i] = i % 3 === 0 ? 1 : 0;
      });
      // In one row of gate and one of down of expert 1.
      given.gate[(given.inner + 4) * given.width + 9] = Number.NaN;
      const got = await run(given, ["BF16", "BF16", "BF16"], silu);
      const isNaNRow = Array.from({ length: given.tokens }, (_, t) =>
        got.subarray(t * given.width, (t + 1) * given.width).every(Number.isNaN),
      );
      const hasNaN = Array.from({ length: given.tokens }, (_, t) =>
        got.subarray(t * given.width, (t + 1) * given.width).some(Number.isNaN),
      );
      const chose = Array.from(given.indices, (expert) => expert === 1);
      expect(hasNaN).toEqual(chose);
      expect(isNaNRow).toEqual(chose);
    });

    test.each([...ACTIVATIONS, clampedSwiglu({ limit: 0.7, alpha: 1.702 })])(
      "in float32 they are the compositions of ops, with $name, with biases and without, whatever is chosen",
      async (gating) => {
        for (const [tokens, isPartial, hasBiases] of [
          [1, false, false],
          [33, false, true],
          [1, true, true],
          [33, true, false],
        ] as const) {
          const given = normals({ ...shape, tokens }, tokens, { hasBiases });
          // Tokens with fewer experts, and some with none.
          if (isPartial) for (let i = 0; i < given.indices.length; i++) if (i % 7 < 3) given.indices[i] = -1;
          const got = await run(given, ["F32", "F32", "F32"], gating);
          await setBackend("cpu");
          try {
            for (const strategy of ["sparse", "dense"] as const) {
              const weights = await weightsOf(given, TENSORS);
              const expected = tidy(() => {
                const indices = tensor2d(given.indices, [tokens, given.choices], "int32");
                const weighed = tensor2d(given.weights, [tokens, given.choices]);
                const stacks = { ...weights, ...biasesOf(given) };
                const x = tensor2d(given.x, [tokens, given.width]);
                return experts({ x, indices, weights: weighed }, stacks, gating, strategy).dataSync();
              });
              disposePlaced();
              const worst = Math.max(...expected.map((value, i) => Math.abs(value - got[i]!)));
              const largest = Math.max(...expected.map(Math.abs));
              expect(worst).toBeLessThan(Math.max(1e-5, 1e-6 * largest));
            }
          } finally {
            await setBackend("native");
          }
        }
      },
    );

    test("stacks and matrices that are stored transposed", async () => {
      const stacks = wholeNumbers({ ...shape, tokens: 9, count: 3 }, 11);
      const expected = Float32Array.from(formula(stacks, { x: same, hidden: same }));
      expect(runOn(stacks, transposedMatrices(await weightsOf(stacks, TENSORS)), relu)).toEqual(expected);
      const one = wholeNumbers({ ...shape, tokens: 9, count: 1, choices: 1 }, 12);
      one.weights.fill(1);
      const y = keep(
        gatedMlp(keep(tensor2d(one.x, [9, one.width])), transposedMatrices(await weightsOf(one, TENSORS, false)), relu),
      );
      expect(y.dataSync()).toEqual(Float32Array.from(formula(one, { x: same, hidden: same })));
      disposePlaced();
    });

    test("experts run fused", async () => {
      const before = expertsRuns().fused;
      await run(wholeNumbers({ ...shape, tokens: 2 }, 1), ["BF16", "BF16", "BF16"], silu);
      expect(expertsRuns().fused).toBe(before + 1);
    });

    test.each([-2, 5, 2 ** 31 - 1, -(2 ** 31)])("an index %i of 5 experts is an error", async (index) => {
      const given = wholeNumbers(shape, 13);
      given.indices[given.indices.length - 1] = index;
      await expect(run(given, ["F32", "F32", "F32"], relu)).rejects.toThrow(NativeError);
    });

    mlpAddonTests();
  });
}
