import { mul, neg, registerKernel, type Tensor2D, tensor2d, tidy, unregisterKernel } from "@tensorflow/tfjs-core";
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

describe("one kernel where the engine has it", () => {
  const kernelName = "MixtapeChooseExperts";

  /** What the kernel is asked for while these routers run on an engine that has it. */
  async function asked(made: Router, bias?: number[]): Promise<object[]> {
    const calls: object[] = [];
    const kernelFunc = ({ inputs, attrs = {} }: Parameters<Parameters<typeof registerKernel>[0]["kernelFunc"]>[0]) => {
      calls.push({ inputs: Object.keys(inputs), ...attrs });
      return [tensor2d([0, 1, 0, 1], [2, 2], "int32"), tensor2d([5, 6, 7, 8], [2, 2])];
    };
    registerKernel({ kernelName, backendName: "cpu", kernelFunc });
    try {
      const { indices, weights } = await route(made, bias);
      if (calls.length > 0)
        expect([indices, weights]).toEqual([
          [0, 1, 0, 1],
          [5, 6, 7, 8],
        ]);
      return calls;
    } finally {
      unregisterKernel(kernelName, "cpu");
    }
  }

  test("for the routers of this package, with what their hooks do", async () => {
    const attrs = { k: 2, score: "softmax", normalize: true, scale: 1 };
    expect(await asked(new SoftmaxRouter(config))).toEqual([{ inputs: ["logits"], ...attrs }]);
    const loose = new SoftmaxRouter({ ...config, normTopkProb: false });
    expect(await asked(loose)).toEqual([{ inputs: ["logits"], ...attrs, normalize: false }]);
    expect(await asked(new SigmoidBiasRouter({ ...config, routeScale: 2 }), [0, 1, 2, 3])).toEqual([
      { inputs: ["logits", "bias"], k: 2, score: "sigmoid", normalize: true, scale: 2 },
    ]);
  });

  test("not for a router that overrides a hook", async () => {
    class Halved extends SoftmaxRouter {
      protected override normalizeWeights(chosen: Tensor2D): Tensor2D {
        return mul(chosen, 0.5);
      }
    }
    class Reversed extends SigmoidBiasRouter {
      protected override selectionScores(scores: Tensor2D): Tensor2D {
        return neg(scores);
      }
    }
    class Linear extends SoftmaxRouter {
      protected override score(logits: Tensor2D): Tensor2D {
        return logits;
      }
    }
    expect(await asked(new Halved(config))).toEqual([]);
    expect(await asked(new Linear(config))).toEqual([]);
    expect(await asked(new Reversed({ ...config, routeScale: 1 }), [0, 0, 0, 0])).toEqual([]);
    const { indices, weights } = await route(new Halved(config));
    const [first, second] = LOGITS.map(softmax) as [number[], number[]];
    expect(indices).toEqual([1, 2, 3, 1]);
    expectClose(weights, [first[1]! / 2, first[2]! / 2, second[3]! / 2, second[1]! / 2]);
  });
});

test("a router that overrides nothing gives what its hooks give", async () => {
  /** The same hooks, not those of the class itself. */
  class Hooked extends SigmoidBiasRouter {
    protected override score(logits: Tensor2D): Tensor2D {
      return super.score(logits);
    }
  }
  class HookedSoftmax extends SoftmaxRouter {
    protected override score(logits: Tensor2D): Tensor2D {
      return super.score(logits);
    }
  }
  const bias = [0.5, -0.9, 0, 0];
  const scaled = { ...config, routeScale: 2.5 };
  expect(await route(new SigmoidBiasRouter(scaled), bias)).toEqual(await route(new Hooked(scaled), bias));
  for (const normTopkProb of [true, false]) {
    const probabilities = { ...config, normTopkProb };
    expect(await route(new SoftmaxRouter(probabilities))).toEqual(await route(new HookedSoftmax(probabilities)));
  }
});
