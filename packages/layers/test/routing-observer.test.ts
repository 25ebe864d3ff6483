import { add, cast, mul, sum, type Tensor2D, type Tensor3D, tensor3d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  banExperts,
  combineObservers,
  forceExperts,
  Module,
  MoeBlock,
  type RoutedExperts,
  type Router,
  type RoutingObserver,
  RoutingRecorder,
  type RoutingTrace,
  replayRouting,
  SigmoidBiasRouter,
  SoftmaxRouter,
  TokenMask,
  TopPRouter,
} from "../src/index.js";
import { fillAll, useCpu, withTensors } from "./support/cpu.js";

beforeAll(useCpu);

const config = { hiddenSize: 4, numExperts: 5, numExpertsPerTok: 3 };
const routers: [string, () => Router][] = [
  ["softmax", () => new SoftmaxRouter(config)],
  ["sigmoid", () => new SigmoidBiasRouter({ ...config, routeScale: 1 })],
  ["top-p", () => new TopPRouter({ ...config, topP: 0.7, normTopkProb: true })],
];
const x = (): Tensor3D =>
  tensor3d(
    Array.from({ length: 24 }, (_, i) => 2 * Math.sin(i * 1.9)),
    [2, 3, 4],
  );
const MASK = new TokenMask(2, Uint8Array.of(0, 1, 1, 1, 1, 1));

/** Expert e multiplies by e + 1. */
class Multiples extends Module implements RoutedExperts {
  forward({ x, indices, weights }: Parameters<RoutedExperts["forward"]>[0]): Tensor2D {
    return mul(x, sum(mul(weights, add(cast(indices, "float32"), 1)), 1, true));
  }
}

async function blockOf(make: () => Router): Promise<MoeBlock<Router>> {
  const block = new MoeBlock({ router: make(), experts: new Multiples() });
  await fillAll(block);
  return block;
}

/** The experts of each token, weights beside them, and the output. */
function run(block: MoeBlock<Router>, routing?: RoutingObserver, layer = 1) {
  const seen = { indices: [] as number[][], weights: [] as number[][], output: [] as number[] };
  tidy(() => {
    const onRouting = ({
      indices,
      weights,
    }: {
      indices: { arraySync(): number[][] };
      weights: { arraySync(): number[][] };
    }) => {
      seen.indices = indices.arraySync();
      seen.weights = weights.arraySync();
    };
    seen.output = [...block.forward(x(), { layer, tokenMask: MASK, routing, onRouting }).dataSync()];
  });
  return seen;
}

describe.each(routers)("%s", (_, make) => {
  test("banned experts get no token; the next best take their place", async () => {
    const block = await blockOf(make);
    const free = run(block);
    const banned = free.indices[1]![0]!;
    const { indices, weights } = run(block, banExperts([banned]));
    for (const [t, row] of indices.entries()) {
      expect(row).not.toContain(banned);
      const left = free.indices[t]!.filter((expert) => expert >= 0 && expert !== banned);
      for (const expert of left) expect(row).toContain(expert);
      expect(weights[t]!.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
    expect(run(block, banExperts([banned], { layers: [0] }))).toEqual(free);
    block.dispose();
  });

  test("forced experts get every token, in the first slots", async () => {
    const block = await blockOf(make);
    const { indices, weights } = run(block, forceExperts([4, 2]));
    for (const [t, row] of indices.entries()) {
      expect(row.slice(0, 2)).toEqual([4, 2]);
      const used = row.filter((expert) => expert >= 0);
      expect(new Set(used).size).toBe(used.length);
      expect(weights[t]!.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
    block.dispose();
  });

  test("what is recorded is replayed: same experts, same weights, same output", async () => {
    const block = await blockOf(make);
    await withTensors(async () => {
      const recorder = new RoutingRecorder();
      const free = run(block, recorder);
      const traces = await recorder.read(3);
      recorder.dispose();
      expect(traces.map(({ tokens, layers, slots }) => [tokens, layers, slots])).toEqual([
        [2, 3, 3],
        [3, 3, 3],
      ]);
      const at = ({ indices, layers, slots }: RoutingTrace, token: number, layer: number) => [
        ...indices.subarray((token * layers + layer) * slots, (token * layers + layer + 1) * slots),
      ];
      expect(at(traces[0]!, 0, 1)).toEqual(free.indices[1]);
      expect(at(traces[1]!, 2, 1)).toEqual(free.indices[5]);
      expect(at(traces[1]!, 2, 0)).toEqual([-1, -1, -1]);
      const again = run(block, replayRouting(traces));
      expect(again.indices.slice(1)).toEqual(free.indices.slice(1));
      for (const [i, value] of free.output.slice(4).entries()) expect(again.output[i + 4]).toBeCloseTo(value, 5);
    });
    block.dispose();
  });

  test("where too few experts are left, slots stay unused", async () => {
    const block = await blockOf(make);
    const { indices, weights } = run(block, banExperts([0, 1, 3, 4]));
    for (const row of indices) expect(row).toEqual([2, -1, -1]);
    for (const row of weights) expect(row).toEqual([1, 0, 0]);
    block.dispose();
  });
});

test("observers combine", async () => {
  const block = await blockOf(routers[0]![1]);
  const recorder = new RoutingRecorder();
  const { indices } = run(block, combineObservers([recorder, banExperts([0]), banExperts([3]), forceExperts([1])]));
  for (const row of indices) expect([row[0], row.includes(0), row.includes(3)]).toEqual([1, false, false]);
  expect([...(await recorder.read(2))[1]!.indices.subarray(3, 6)]).toEqual(indices[3]);
  recorder.dispose();
  block.dispose();
});

test("what cannot be is refused", async () => {
  const block = await blockOf(routers[0]![1]);
  const fails = (observer: RoutingObserver): string => {
    try {
      run(block, observer);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("expected an error");
  };
  expect(fails(banExperts([5]))).toBe("routing constraint: expected experts from 0 to 4, got 5.");
  expect(fails(forceExperts([0, 1, 2, 3]))).toContain("expected at most 3 forced experts");
  expect(fails(combineObservers([banExperts([1]), forceExperts([1])]))).toContain("got expert 1, which is both");
  const trace = { tokens: 1, layers: 2, slots: 1, indices: Int16Array.of(-1, 0) };
  expect(fails(replayRouting([trace]))).toContain("expected 1 rows, as in the trace, got 2");
  expect(fails(replayRouting([trace, trace]))).toContain("expected at most 1 tokens and 2 layers");
  block.dispose();
});
