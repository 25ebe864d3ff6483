import { tensor2d, tensor3d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { causalLoss, loadBalancingLoss, readBatch } from "../src/index.js";
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

describe("loadBalancingLoss", () => {
  /** Equations 4 to 6 of Switch Transformers, written out, over the rows of all layers. */
  function written(layers: number[][][], k: number, counts: (row: number) => boolean): number {
    const rows = layers.flatMap((layer) => layer.filter((_, row) => counts(row)));
    const experts = rows[0]!.length;
    let loss = 0;
    for (let e = 0; e < experts; e++) {
      const chosen = rows.filter((row) =>
        [...row.keys()]
          .sort((a, b) => row[b]! - row[a]! || a - b)
          .slice(0, k)
          .includes(e),
      );
      const probability = rows.reduce((sum, row) => sum + softmax(row)[e]!, 0) / rows.length;
      loss += (chosen.length / rows.length) * probability;
    }
    return experts * loss;
  }

  test("is the written formula, for any logits, layers and mask", async () => {
    const logit = fc.integer({ min: -300, max: 300 }).map((n) => n / 100);
    const batch = fc.record({
      k: fc.integer({ min: 1, max: 3 }),
      layers: fc.integer({ min: 1, max: 3 }).chain((n) =>
        fc.array(fc.array(fc.array(logit, { minLength: 4, maxLength: 4 }), { minLength: 6, maxLength: 6 }), {
          minLength: n,
          maxLength: n,
        }),
      ),
      mask: fc.array(fc.array(fc.constantFrom(0, 1), { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(batch, async ({ k, layers, mask }) => {
        fc.pre(mask.flat().includes(1));
        const actual = await numberOf(() =>
          loadBalancingLoss(
            layers.map((layer) => tensor2d(layer)),
            k,
            readBatch(mask, "mask"),
          ),
        );
        expect(actual).toBeCloseTo(
          written(layers, k, (row) => mask.flat()[row] === 1),
          4,
        );
        const unmasked = await numberOf(() =>
          loadBalancingLoss(
            layers.map((layer) => tensor2d(layer)),
            k,
          ),
        );
        expect(unmasked).toBeCloseTo(
          written(layers, k, () => true),
          4,
        );
      }),
      { numRuns: 60 },
    );
  });

  test("with a cache the mask's last columns are those of the new tokens", async () => {
    const layer = [
      [1, 0, 3],
      [0, 2, 0],
    ];
    const mask = [
      [1, 1, 0],
      [0, 0, 1],
    ];
    const actual = await numberOf(() => loadBalancingLoss([tensor2d(layer)], 1, readBatch(mask, "mask")));
    expect(actual).toBeCloseTo(
      written([layer], 1, (row) => row === 1),
      5,
    );
  });

  test("is K where load and probabilities are even", async () => {
    const even = tensor2d([
      [9, 0],
      [0, 9],
    ]);
    expect(await numberOf(() => loadBalancingLoss([even.clone()], 1))).toBeCloseTo(1, 5);
    even.dispose();
  });
});
