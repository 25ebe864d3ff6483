import { tensor3d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { causalLoss, readBatch } from "../src/index.js";
import { useCpu, withoutLeak } from "./support/tiny.js";

beforeAll(useCpu);

const numberOf = (f: () => { dataSync(): ArrayLike<number> }): Promise<number> =>
  withoutLeak(() => {
    let value = Number.NaN;
    tidy(() => {
      value = f().dataSync()[0]!;
    });
    return value;
  });
const softmax = (row: readonly number[]): number[] => {
  const powers = row.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

describe("causalLoss", () => {
  const LOGITS = [
    [
      [1, 2, 3],
      [0, 5, 1],
      [9, 9, 9],
    ],
    [
      [-1, 0, 2],
      [4, 0, 0],
      [7, 7, 7],
    ],
  ];
  const loss = (labels: number[][], numItems?: number) =>
    numberOf(() => causalLoss(tensor3d(LOGITS), readBatch(labels, "labels"), numItems));
  const surprise = (row: number, position: number, label: number) =>
    -Math.log(softmax(LOGITS[row]![position]!)[label]!);

  test("is the mean surprise about the next token", async () => {
    const all = [surprise(0, 0, 1), surprise(0, 1, 0), surprise(1, 0, 2), surprise(1, 1, 2)];
    const labels = [
      [2, 1, 0],
      [0, 2, 2],
    ];
    expect(await loss(labels)).toBeCloseTo(all.reduce((a, b) => a + b, 0) / 4, 6);
  });

  test("takes no account of −100, nor of the first label", async () => {
    const labels = [
      [2, -100, 0],
      [-100, -100, -100],
    ];
    expect(await loss(labels)).toBeCloseTo(surprise(0, 1, 0), 6);
    expect(await loss([[-100, -100, 0], labels[1]!])).toBeCloseTo(surprise(0, 1, 0), 6);
  });

  test("is divided by what it is told to", async () => {
    const labels = [
      [0, 1, 1],
      [0, 2, -100],
    ];
    const sum = surprise(0, 0, 1) + surprise(0, 1, 1) + surprise(1, 0, 2);
    expect(await loss(labels, 10)).toBeCloseTo(sum / 10, 6);
  });

  test.each<[string, number[][], string]>([
    [
      "all labels ignored",
      [
        [0, -100, -100],
        [1, -100, -100],
      ],
      "labels: expected at least one that is not -100 after the first position, got none",
    ],
    [
      "a label past the vocabulary",
      [
        [0, 1, 1],
        [0, 3, 1],
      ],
      "labels[1][1]: expected a token id from 0 to 2, or -100, got 3",
    ],
    [
      "a negative label that is not −100",
      [
        [0, 1, -1],
        [0, 1, 1],
      ],
      "labels[0][2]: expected a token id from 0 to 2, or -100, got -1",
    ],
    ["too few rows", [[0, 1, 1]], "labels: expected 2 × 3, got 1 × 3"],
    [
      "too few columns",
      [
        [0, 1],
        [0, 1],
      ],
      "labels: expected 2 × 3, got 2 × 2",
    ],
  ])("%s is an error", async (_, labels, message) => {
    await expect(loss(labels)).rejects.toThrow(message);
  });
});
