import { dispose } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { RotaryEmbedding } from "../src/index.js";
import { useCpu } from "./support/cpu.js";

beforeAll(useCpu);

const config = {
  headDim: 4,
  maxPositionEmbeddings: 64,
  ropeParameters: { ropeType: "default", ropeTheta: 100, partialRotaryFactor: 1 },
} as const;

/** Tables as rows of numbers. */
function tables(rotary: RotaryEmbedding, positions: number[][]): { shape: number[]; cos: number[]; sin: number[] } {
  const values = Int32Array.from(positions.flat());
  const { cos, sin } = rotary.tables({ rows: positions.length, length: positions[0]!.length, values });
  const result = { shape: cos.shape, cos: Array.from(cos.dataSync()), sin: Array.from(sin.dataSync()) };
  expect(sin.shape).toEqual(cos.shape);
  dispose([cos, sin]);
  return result;
}

test("cosines and sines of position times frequency, both halves alike", () => {
  const { shape, cos, sin } = tables(new RotaryEmbedding(config), [
    [0, 1, 5],
    [7, 0, 63],
  ]);
  expect(shape).toEqual([2, 3, 4]);
  const angles = [0, 1, 5, 7, 0, 63].flatMap((position) => [position, position / 10, position, position / 10]);
  for (const [i, angle] of angles.entries()) {
    expect(cos[i]).toBeCloseTo(Math.cos(angle), 5);
    expect(sin[i]).toBeCloseTo(Math.sin(angle), 5);
  }
});

test("they are multiplied by the attention factor", () => {
  const yarn = new RotaryEmbedding({
    ...config,
    ropeParameters: {
      ropeType: "yarn",
      ropeTheta: 100,
      partialRotaryFactor: 1,
      factor: 4,
      originalMaxPositionEmbeddings: 16,
      attentionFactor: 0.75,
      betaFast: 32,
      betaSlow: 1,
      mscale: null,
      mscaleAllDim: null,
      truncate: true,
    },
  });
  const { cos, sin } = tables(yarn, [[0, 9]]);
  expect(cos.slice(0, 4)).toEqual([0.75, 0.75, 0.75, 0.75]);
  expect(cos[4]! ** 2 + sin[4]! ** 2).toBeCloseTo(0.75 ** 2, 6);
});

test("only the share of a head that is rotated has a table", () => {
  const half = new RotaryEmbedding({
    ...config,
    ropeParameters: { ...config.ropeParameters, partialRotaryFactor: 0.5 },
  });
  expect(tables(half, [[3]])).toMatchObject({ shape: [1, 1, 2] });
});

test("the frequencies of dynamic are those of the largest position of the batch", () => {
  const dynamic = new RotaryEmbedding({
    ...config,
    maxPositionEmbeddings: 8,
    ropeParameters: { ropeType: "dynamic", ropeTheta: 100, partialRotaryFactor: 1, factor: 2 },
  });
  const plain = new RotaryEmbedding(config);
  // Up to position 7 nothing is stretched; from 8 on everything is, in the other rows too.
  expect(tables(dynamic, [[1], [7]])).toEqual(tables(plain, [[1], [7]]));
  expect(tables(dynamic, [[1], [8]]).sin[1]).toBeLessThan(tables(plain, [[1], [8]]).sin[1]!);
});
