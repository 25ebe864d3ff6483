import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { argmax, greedySampler, multinomialSampler, type Rng, seededRng, softmax } from "../src/index.js";

const FINE = 1000;
/** All tokens equally likely: the draw tells the random number, to a thousandth. */
const EVEN = new Float32Array(FINE);

const drawsOf = (rng: Rng, logits: Float32Array, count: number): number[] =>
  Array.from({ length: count }, () => multinomialSampler.sample(logits, rng));

test("greedy takes the largest, of equals the first", () => {
  expect(argmax(Float32Array.of(1, 3, 2, 3))).toBe(1);
  expect(argmax(Float32Array.of(-Infinity, -5))).toBe(1);
  expect(argmax(Float32Array.of(0))).toBe(0);
  expect(argmax(Float32Array.of(1, Number.NaN, 2))).toBe(1);
  expect(argmax(Float32Array.of(1, 2, Infinity))).toBe(2);
  expect(argmax(Float32Array.of(-Infinity, -Infinity))).toBe(0);
  expect(greedySampler.sample(Float32Array.of(1, 3, 2, 3))).toBe(1);
});

test("a seed draws the same tokens for ever", () => {
  expect(drawsOf(seededRng(7, 0), EVEN, 8)).toEqual([320, 473, 80, 283, 393, 116, 469, 584]);
  expect(drawsOf(seededRng(7, 1), EVEN, 8)).toEqual([745, 702, 993, 423, 390, 722, 979, 353]);
  expect(drawsOf(seededRng(-1, 0), EVEN, 8)).toEqual([810, 906, 712, 54, 934, 202, 309, 469]);
});

test("seeds and rows that lie next to each other draw unlike", () => {
  const streams = Array.from({ length: 40 }, (_, seed) =>
    Array.from({ length: 25 }, (_, row) => drawsOf(seededRng(seed, row), EVEN, 6).join()),
  ).flat();
  expect(new Set(streams).size).toBe(1000);
  const firsts = streams.map((stream) => Number(stream.split(",")[0]));
  // Evenly spread, 1000 draws hit 632 of 1000 tokens, give or take 10.
  expect(new Set(firsts).size).toBeGreaterThan(580);
  expect(new Set(firsts).size).toBeLessThan(680);
});

property.prop([
  fc.integer(),
  fc.nat({ max: 100 }),
  fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 30 }),
])("takes the token into whose share of the probability the random number falls", (seed, row, values) => {
  const logits = Float32Array.from(values);
  const probabilities = softmax(logits);
  const even = seededRng(seed, row);
  const own = seededRng(seed, row);
  for (let draw = 0; draw < 20; draw++) {
    const low = multinomialSampler.sample(EVEN, even) / FINE;
    const id = multinomialSampler.sample(logits, own);
    const start = probabilities.slice(0, id).reduce((sum, p) => sum + p, 0);
    expect(start).toBeLessThanOrEqual(low + 1 / FINE + 1e-9);
    expect(start + probabilities[id]!).toBeGreaterThanOrEqual(low - 1e-9);
  }
});

property.prop([fc.integer(), fc.array(fc.boolean(), { minLength: 1, maxLength: 30 })])(
  "never draws what has been ruled out",
  (seed, allowed) => {
    fc.pre(allowed.includes(true));
    const logits = Float32Array.from(allowed, (may, i) => (may ? i % 3 : -Infinity));
    const rng = seededRng(seed, 0);
    for (let draw = 0; draw < 20; draw++) expect(allowed[multinomialSampler.sample(logits, rng)]).toBe(true);
  },
);
