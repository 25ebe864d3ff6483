import type { Tensor, Tensor2D, TensorContainer } from "@tensorflow/tfjs-core";
import { scalar, tensor1d, tensor2d } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  type CapturedRouting,
  captureRouting,
  Experts,
  type FeedForward,
  type GatedMlp,
  type GatedSharedExpert,
  Linear,
  Module,
  MoeBlock,
  namedRouters,
  type Param,
  type Routing,
  type RoutingObserver,
  type RoutingRecorder,
  routerOf,
  type SharedExperts,
  SoftmaxRouter,
  type TokenRouter,
} from "../src/index.js";
import { useCpu, viewOf } from "./support/cpu.js";

beforeAll(useCpu);

const config = {
  hiddenSize: 2,
  numExperts: 3,
  numExpertsPerTok: 1,
  hiddenAct: "silu",
  moeIntermediateSize: 2,
} as const;

/** A router without a gate: token t goes to expert t mod E, as hash layers do. */
class RoundRobin extends Module implements TokenRouter {
  readonly numExperts = 3;
  readonly balancingBias: Param | null = null;
  route(x: Tensor2D): Routing {
    const [t] = x.shape;
    const rows = Array.from({ length: t }, (_, i) => [i % this.numExperts]);
    const ones = rows.map(() => [1]);
    const zeros = rows.map(() => new Array<number>(this.numExperts).fill(0));
    return { logits: tensor2d(zeros), indices: tensor2d(rows, [t, 1], "int32"), weights: tensor2d(ones, [t, 1]) };
  }
  routingProbabilities(logits: Tensor2D): Tensor2D {
    return logits;
  }
  expertCounts() {
    return tensor1d([0, 0, 0]);
  }
  loadBalancingLoss() {
    return scalar(0);
  }
  zLoss() {
    return scalar(0);
  }
  updateBias(): void {}
}

describe("types", () => {
  test("a block keeps the types of its parts, and takes any router and any shared experts", () => {
    const block = new MoeBlock({ router: new SoftmaxRouter(config), experts: new Experts(config) });
    expectTypeOf(block.router).toExtend<SoftmaxRouter>();
    expectTypeOf(block.experts).toExtend<Experts>();
    expectTypeOf(block).toExtend<FeedForward>();
    expectTypeOf<GatedMlp>().toExtend<FeedForward>();
    expectTypeOf<GatedMlp>().toExtend<SharedExperts>();
    expectTypeOf<GatedSharedExpert>().toExtend<SharedExperts>();
    expectTypeOf<SoftmaxRouter>().toExtend<TokenRouter>();
    expectTypeOf<RoutingRecorder>().toExtend<RoutingObserver>();
  });

  test("tf.tidy and tf.dispose take a captured routing, and see its tensors alone", () => {
    expectTypeOf<CapturedRouting>().toExtend<TensorContainer>();
    const router = new RoundRobin();
    const routing = captureRouting(router.route(tensor2d([[1, 2]])), { router });
    const seen: string[] = [];
    for (const key in routing) seen.push(key);
    expect(seen).toEqual(["logits", "indices", "weights", "layer", "rows"]);
    expect(routerOf(routing)).toBe(router);
    for (const tensor of [routing.logits, routing.indices, routing.weights] as Tensor[]) tensor.dispose();
  });
});

test("a router need not extend Router to be found and to run", () => {
  const router = new RoundRobin();
  const block = new MoeBlock({ router, experts: new Experts(config) });
  expect(namedRouters(block)).toEqual([["router", router]]);
});

test("a gate of its own, such as one with a bias", async () => {
  class Biased extends SoftmaxRouter {
    protected override buildGate({ hiddenSize, numExperts }: typeof config): Linear {
      return new Linear(hiddenSize, numExperts, { bias: true });
    }
  }
  const router = new Biased(config);
  expect([...router.namedParameters()].map(([name]) => name)).toEqual(["gate.weight", "gate.bias"]);
  await router.gate.weight.load(viewOf([3, 2], [0, 0, 0, 0, 0, 0]));
  await router.gate.bias!.load(viewOf([3], [0, 1, 5]));
  const { logits, indices, weights } = router.route(tensor2d([[1, 2]]));
  expect([[...logits.dataSync()], [...indices.dataSync()]]).toEqual([[0, 1, 5], [2]]);
  for (const tensor of [logits, indices, weights]) tensor.dispose();
  router.dispose();
});
