import { topKIndices, valueAndGradientsOf } from "@mixtape/ops";
import { cast, type Scalar, scalar, sigmoid, type Tensor, type Tensor2D, tensor2d, tidy } from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type CapturedRouting,
  captureRouting,
  Experts,
  expertCounts,
  loadBalancingLoss,
  MoeBlock,
  Router,
  type RouterConfig,
  routerZLoss,
  SigmoidBiasRouter,
  SoftmaxRouter,
  sliceRouting,
  TokenMask,
  type TokenRouter,
  tokenMaskOf,
} from "../src/index.js";
import { useCpu, viewOf, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

type Rows = readonly (readonly number[])[];

const softmax = (row: readonly number[]): number[] => {
  const powers = row.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};
const sigmoids = (row: readonly number[]): number[] => {
  const scores = row.map((x) => 1 / (1 + Math.exp(-x)));
  const sum = scores.reduce((a, b) => a + b, 0);
  return scores.map((score) => score / sum);
};
const topK = (row: readonly number[], k: number): number[] =>
  [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, k);

/** Equations 4 to 6 of Switch Transformers, written out. @param chosen the experts of each row of logits */
function written(rows: Rows, chosen: Rows, probabilities = softmax): number {
  const experts = rows[0]!.length;
  let loss = 0;
  for (let e = 0; e < experts; e++) {
    const share = chosen.filter((own) => own.includes(e)).length / rows.length;
    loss += (share * rows.reduce((sum, row) => sum + probabilities(row)[e]!, 0)) / rows.length;
  }
  return experts * loss;
}

const configOf = (numExperts: number, numExpertsPerTok: number): RouterConfig => ({
  hiddenSize: 2,
  numExperts,
  numExpertsPerTok,
});
const softmaxOf = (experts: number, k: number): TokenRouter => new SoftmaxRouter(configOf(experts, k));

/** A routing with these logits. The chosen are the router's largest, unless given. */
function routed(router: TokenRouter, logits: Rows, k: number, mask?: Rows, chosen?: Rows): CapturedRouting {
  const tensor = tensor2d(logits as number[][]);
  const indices = chosen ? tensor2d(chosen as number[][], undefined, "int32") : topKIndices(tensor, k);
  const tokenMask = mask ? new TokenMask(mask.length, Uint8Array.from(mask.flat())) : null;
  const rows = mask?.length ?? 1;
  return captureRouting({ logits: tensor, indices, weights: cast(indices, "float32") }, { router, rows, tokenMask });
}

const numberOf = (f: () => Tensor): Promise<number> =>
  withTensors(() => {
    let value = Number.NaN;
    tidy(() => {
      value = f().dataSync()[0]!;
    });
    return value;
  });

describe("loadBalancingLoss", () => {
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
        const router = softmaxOf(4, k);
        for (const used of [mask, undefined]) {
          const actual = await numberOf(() => loadBalancingLoss(layers.map((rows) => routed(router, rows, k, used))));
          const rows = layers.flatMap((layer) => layer.filter((_, row) => (used ?? [[1, 1, 1, 1, 1, 1]]).flat()[row]));
          expect(actual).toBeCloseTo(
            written(
              rows,
              rows.map((row) => topK(row, k)),
            ),
            4,
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  test("is K for an even load, and at most E", async () => {
    const router = softmaxOf(2, 1);
    const even = () =>
      loadBalancingLoss([
        routed(
          router,
          [
            [9, 0],
            [0, 9],
          ],
          1,
        ),
      ]);
    expect(await numberOf(even)).toBeCloseTo(1, 5);
    const uneven = () =>
      loadBalancingLoss([
        routed(
          router,
          [
            [50, 0],
            [50, 0],
          ],
          1,
        ),
      ]);
    expect(await numberOf(uneven)).toBe(2);
  });

  test("counts what a token does not use as nothing", async () => {
    const rows = [
      [1, 2, 3],
      [3, 2, 1],
      [0, 0, 1],
    ];
    const chosen = [
      [2, 1],
      [0, -1],
      [-1, -1],
    ];
    const loss = await numberOf(() => loadBalancingLoss([routed(softmaxOf(3, 2), rows, 2, undefined, chosen)]));
    expect(loss).toBeCloseTo(written(rows, chosen), 5);
  });

  test("sigmoid scores sum to 1 first, as in DeepSeek-V3", async () => {
    const rows = [
      [2, -1, 0],
      [0, 3, 1],
    ];
    const router = new SigmoidBiasRouter({ ...configOf(3, 1), routeScale: 2 });
    expect(await numberOf(() => loadBalancingLoss([routed(router, rows, 1)]))).toBeCloseTo(
      written(rows, [[0], [1]], sigmoids),
      5,
    );
  });

  test("a router of one's own is trained by its own scores, gradient and all", () => {
    class SigmoidRouter extends Router {
      protected override score(logits: Tensor2D): Tensor2D {
        return sigmoid(logits);
      }
    }
    const rows = [
      [2, -1, 0],
      [0, 3, 1],
      [-2, 1, 0.5],
    ];
    const chosen = rows.map((row) => topK(row, 2));
    const router = new SigmoidRouter(configOf(3, 2));
    tidy(() => {
      const routing = routed(router, rows, 2);
      const { value, gradients } = valueAndGradientsOf(() => loadBalancingLoss([routing]), [routing.logits]);
      expect(value.dataSync()[0]).toBeCloseTo(written(rows, chosen, sigmoids), 5);
      const slopes = gradients[0]!.dataSync();
      for (const [i, slope] of slopes.entries()) {
        const moved = (step: number) =>
          rows.map((row, r) => row.map((logit, e) => (r * 3 + e === i ? logit + step : logit)));
        const loss = (step: number) => written(moved(step), chosen, sigmoids);
        expect(slope).toBeCloseTo((loss(1e-4) - loss(-1e-4)) / 2e-4, 5);
      }
    });
  });

  test("a router may compute the loss in its own way, and each kind has a mean of its own", async () => {
    class Constant extends SoftmaxRouter {
      override loadBalancingLoss(routings: readonly CapturedRouting[]): Scalar {
        return scalar(10 * routings.length);
      }
    }
    const rows = [
      [1, 2, 0],
      [3, 1, 2],
    ];
    const wide = [
      [1, 2, 0, 4],
      [3, 1, 2, 0],
    ];
    const own = new Constant(configOf(3, 1));
    const loss = () =>
      loadBalancingLoss([
        routed(own, rows, 1),
        routed(softmaxOf(3, 1), rows, 1),
        routed(softmaxOf(4, 1), wide, 1),
        routed(own, rows, 1),
      ]);
    const expected = (2 * 20 + written(rows, [[1], [0]]) + written(wide, [[3], [0]])) / 4;
    expect(await numberOf(loss)).toBeCloseTo(expected, 5);
  });

  test("without a layer, and for padding alone, it is an error", () => {
    expect(() => loadBalancingLoss([])).toThrow("loadBalancingLoss: expected the routings of at least one MoE layer");
    tidy(() => {
      const padding = routed(softmaxOf(2, 1), [[1, 2]], 1, [[0]]);
      expect(() => loadBalancingLoss([padding])).toThrow("expected at least one token, got only padding");
      expect(() => routerZLoss([padding])).toThrow("expected at least one token, got only padding");
    });
  });
});

test("routerZLoss is the mean of logsumexp² of tokens", async () => {
  const layers = [
    [
      [1, 2],
      [0, -1],
    ],
    [
      [3, 0],
      [5, 5],
    ],
  ];
  const mask = [[1], [0]];
  const square = (row: readonly number[]) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) ** 2;
  const router = softmaxOf(2, 1);
  expect(await numberOf(() => routerZLoss(layers.map((rows) => routed(router, rows, 1, mask))))).toBeCloseTo(
    (square(layers[0]![0]!) + square(layers[1]![0]!)) / 2,
    4,
  );
});

test("counts leave out padding and unused slots, under the names of routers", () => {
  const router = softmaxOf(4, 2);
  const block = new MoeBlock({
    router,
    experts: new Experts({ ...configOf(4, 2), hiddenAct: "silu", moeIntermediateSize: 2 }),
  });
  const stranger = softmaxOf(4, 2);
  tidy(() => {
    const rows = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    const chosen = [
      [0, 2],
      [2, -1],
      [0, 1],
      [-1, -1],
    ];
    const mask = [
      [1, 1],
      [0, 1],
    ];
    const counts = expertCounts(block, [routed(router, rows, 2, mask, chosen), routed(stranger, rows, 2)]);
    expect(Object.keys(counts)).toEqual(["router"]);
    expect([...counts.router!.dataSync()]).toEqual([1, 0, 2, 0]);
  });
});

test("sliceRouting cuts rows of the batch, with their padding", () => {
  tidy(() => {
    const whole = routed(
      softmaxOf(2, 1),
      [
        [1, 2],
        [3, 4],
        [5, 6],
        [8, 7],
      ],
      1,
      [
        [1, 1],
        [0, 1],
      ],
    );
    const second = sliceRouting(whole, 1, 2);
    expect(second.logits.arraySync()).toEqual([
      [5, 6],
      [8, 7],
    ]);
    expect(second.indices.arraySync()).toEqual([[1], [0]]);
    expect([second.rows, ...tokenMaskOf(second)!.values]).toEqual([1, 0, 1]);
    expect(sliceRouting(whole, 0, 2)).toBe(whole);
    expect(() => sliceRouting(whole, 1, 3)).toThrow("sliceRouting: expected rows from 0 to 2, got 1 to 3");
  });
});

describe("updateBias", () => {
  test("moves the bias of experts with less than the mean load up, of others down, and its sum stays", async () => {
    const router = new SigmoidBiasRouter({ ...configOf(4, 1), routeScale: 1 });
    await withTensors(async () => {
      await router.expertBias.load(viewOf([4], [0, 0, 0, 0]));
      router.updateBias([10, 0, 0, 2], 0.1);
      const steps = [-1, 1, 1, 1].map((sign) => 0.1 * (sign - 0.5));
      for (const [e, value] of router.expertBias.vector.dataSync().entries()) expect(value).toBeCloseTo(steps[e]!, 6);
      expect(() => router.updateBias([1], 0.1)).toThrow("updateBias: expected 4 counts, got 1");
      router.dispose();
    });
  });

  test("does nothing without one", () => {
    const router = softmaxOf(2, 1);
    expect(router.balancingBias).toBeNull();
    expect(() => router.updateBias([1, 0], 0.1)).not.toThrow();
  });
});
