import { tensor2d, tidy } from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Router, type Routing, SigmoidBiasRouter, SoftmaxRouter } from "../src/index.js";
import { useCpu, viewOf, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

const config = { hiddenSize: 4, numExperts: 4, numExpertsPerTok: 2 };
const LOGITS = [
  [1, 3, 2, 0],
  [-1, 0.5, 0.25, 2],
];

let router: Router;
afterEach(() => router.dispose());

/** The router's answer to these logits: its gate is the identity. */
async function route(
  made: Router,
  bias?: number[],
): Promise<{ logits: number[]; indices: number[]; weights: number[] }> {
  router = made;
  const identity = Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  await router.gate.weight.load(viewOf([4, 4], identity));
  if (bias) await (router as SigmoidBiasRouter).expertBias.load(viewOf([4], bias));
  const numbers = ({ logits, indices, weights }: Routing) => ({
    logits: Array.from(logits.dataSync()),
    indices: Array.from(indices.dataSync()),
    weights: Array.from(weights.dataSync()),
  });
  return withTensors(() => {
    let answer: ReturnType<typeof numbers>;
    tidy(() => {
      answer = numbers(router.route(tensor2d(LOGITS)));
    });
    return answer!;
  });
}

const softmax = (logits: number[]) => {
  const powers = logits.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const expectClose = (actual: number[], expected: number[]) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 6);
};

describe("softmax", () => {
  test("the likeliest, their probabilities made to sum to 1", async () => {
    const { logits, indices, weights } = await route(new SoftmaxRouter(config));
    expect(logits).toEqual(LOGITS.flat());
    expect(indices).toEqual([1, 2, 3, 1]);
    expectClose(weights, [...softmax([3, 2]), ...softmax([2, 0.5])]);
  });

  test("or as they are, with normTopkProb false", async () => {
    const { weights } = await route(new SoftmaxRouter({ ...config, normTopkProb: false }));
    const [first, second] = LOGITS.map(softmax) as [number[], number[]];
    expectClose(weights, [first[1]!, first[2]!, second[3]!, second[1]!]);
  });

  test("of equal scores the lower expert comes first", async () => {
    router = new SoftmaxRouter(config);
    await router.gate.weight.load(viewOf([4, 4], new Array(16).fill(1)));
    const indices = tidy(() => Array.from(router.route(tensor2d([[1, 2, 3, 4]])).indices.dataSync()));
    expect(indices).toEqual([0, 1]);
  });
});

describe("sigmoid with a bias", () => {
  test("the bias moves the choice, never the weights; these are scaled", async () => {
    const made = new SigmoidBiasRouter({ ...config, routeScale: 2.5 });
    const { indices, weights } = await route(made, [0.5, -0.9, 0, 0]);
    // Scores of the first row: .731, .953, .881, .5; with the bias 1.231, .053, .881, .5.
    expect(indices).toEqual([0, 2, 3, 0]);
    const normalized = (a: number, b: number) => [2.5 * (a / (a + b)), 2.5 * (b / (a + b))];
    expectClose(weights, [...normalized(sigmoid(1), sigmoid(2)), ...normalized(sigmoid(2), sigmoid(-1))]);
  });

  test("without a bias the largest scores win", async () => {
    const { indices } = await route(new SigmoidBiasRouter({ ...config, routeScale: 1 }), [0, 0, 0, 0]);
    expect(indices).toEqual([1, 2, 3, 1]);
  });
});
