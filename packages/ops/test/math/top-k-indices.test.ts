import { memory, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { topKIndices } from "../../src/index.js";
import { ENGINES, HOSTS, useBackend } from "../support/engines.js";
import { composed } from "../support/kernels.js";
import { topKIndices as reference } from "../support/reference.js";
import { floats, toTensor, type Values } from "../support/values.js";

function indicesOf(scores: Values, k: number): number[] {
  return tidy(() => {
    const y = topKIndices(toTensor(scores) as Tensor2D, k);
    expect(y.dtype).toBe("int32");
    expect(y.shape).toEqual([scores.shape[0], k]);
    return [...y.dataSync()];
  });
}

const scoresOf = (score: fc.Arbitrary<number>) =>
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 256 })))
    .chain(([t, e]) =>
      fc.record({
        scores: fc.array(score, { minLength: t * e, maxLength: t * e }).map((values) => floats(values, [t, e])),
        k: fc.oneof(fc.integer({ min: 1, max: Math.min(e, 16) }), fc.constant(e)),
      }),
    );

/** The smallest float32 that no engine takes for zero. */
const NORMAL = 2 ** -126;
const anyNumber = fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => (Math.abs(x) < NORMAL ? 0 : x));
/** Few different ones, so that most are equal to others. */
const coarse = fc.constantFrom(-1, -0, 0, 0.25, 1);
const infinite = fc.constantFrom(-Infinity, 0, 1, Infinity);

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each([
    ["any numbers", anyNumber],
    ["ties, which go to the lower index", coarse],
  ])("%s: with kernel and without", (_, score) => {
    fc.assert(
      fc.property(scoresOf(score), ({ scores, k }) => {
        const expected = reference(scores, k);
        expect(indicesOf(scores, k)).toEqual(expected);
        expect(composed(() => indicesOf(scores, k))).toEqual(expected);
      }),
      { numRuns: 80 },
    );
  });

  // tfjs's own TopK on cpu compares by a difference, which two infinities do not have.
  test.runIf(HOSTS.includes(engine))("infinite scores, with the kernel", () => {
    fc.assert(
      fc.property(scoresOf(infinite), ({ scores, k }) => {
        expect(indicesOf(scores, k)).toEqual(reference(scores, k));
      }),
      { numRuns: 40 },
    );
  });

  test.runIf(HOSTS.includes(engine))("scores that are no numbers still give different indices in range", () => {
    fc.assert(
      fc.property(scoresOf(fc.constantFrom(Number.NaN, 0, 1)), ({ scores, k }) => {
        const e = scores.shape[1]!;
        const found = indicesOf(scores, k);
        for (let row = 0; row < scores.shape[0]!; row++) {
          const own = found.slice(row * k, (row + 1) * k);
          expect(new Set(own).size).toBe(k);
          expect(own.every((index) => index >= 0 && index < e)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("it leaves nothing but the indices", () => {
    const scores = toTensor(floats([3, 1, 2], [1, 3])) as Tensor2D;
    const before = memory().numTensors;
    topKIndices(scores, 2);
    composed(() => topKIndices(scores, 2));
    expect(memory().numTensors - before).toBe(2);
  });
});
