/** Routing with a different number of experts for each token, and within groups, against values of torch. */

import { readFileSync } from "node:fs";
import { add, reshape, softmax, sum, type Tensor2D, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  captureRouting,
  ExpertChoiceRouter,
  GroupLimitedRouter,
  type GroupLimitedRouterConfig,
  Router,
  type RouterConfig,
  type RoutingContext,
  SoftmaxRouter,
  TokenMask,
  TopPRouter,
  type TopPRouterConfig,
} from "../src/index.js";
import { useCpu, viewOf, withTensors } from "./support/cpu.js";

interface Golden<C> {
  readonly config: C;
  /** `[T, E]`: the weight of each expert for each token */
  readonly weights: number[][];
}
type Limits = Omit<GroupLimitedRouterConfig, "hiddenSize" | "numExperts">;
const golden = JSON.parse(
  readFileSync(new URL("../../testing/__fixtures__/routing.json", import.meta.url), "utf8"),
) as {
  readonly x: number[][];
  readonly gate: number[][];
  readonly bias: number[];
  readonly groupLimited: readonly Golden<Limits>[];
  readonly topP: readonly Golden<Omit<TopPRouterConfig, "hiddenSize" | "numExperts">>[];
  readonly expertChoice: readonly (Golden<{ numExpertsPerTok: number }> & { readonly lengths: number[] })[];
};
const sizes = { hiddenSize: golden.gate[0]!.length, numExperts: golden.gate.length };

beforeAll(useCpu);

/** The routing of the golden tokens: slots, and weights `[T, E]`. */
async function route(router: Router, context: RoutingContext = {}): Promise<{ dense: number[][]; slots: number[][] }> {
  await router.gate.weight.load(viewOf([sizes.numExperts, sizes.hiddenSize], golden.gate.flat()));
  let [dense, slots]: number[][][] = [];
  await withTensors(() => {
    tidy(() => {
      const { indices, weights } = router.route(tensor2d(golden.x), context);
      slots = indices.arraySync();
      dense = golden.x.map(() => new Array<number>(sizes.numExperts).fill(0));
      for (const [t, row] of weights.arraySync().entries())
        for (const [k, weight] of row.entries()) {
          const expert = slots[t]![k]!;
          if (expert >= 0) dense[t]![expert] = weight;
          else expect(weight).toBe(0);
        }
    });
  });
  router.dispose();
  return { dense: dense!, slots: slots! };
}

function expectClose(actual: number[][], expected: number[][]): void {
  expect(actual.length).toBe(expected.length);
  for (const [t, row] of expected.entries())
    for (const [e, weight] of row.entries()) expect(actual[t]![e], `token ${t}, expert ${e}`).toBeCloseTo(weight, 5);
}

describe("GroupLimitedRouter", () => {
  test.each(golden.groupLimited)("is DeepSeek-V3's of transformers: $config", async ({ config, weights }) => {
    const router = new GroupLimitedRouter({ ...sizes, ...config });
    await router.expertBias.load(viewOf([sizes.numExperts], golden.bias));
    expectClose((await route(router)).dense, weights);
  });

  test("groups that do not divide the experts, or hold too few, are refused", () => {
    const config = { ...sizes, ...golden.groupLimited[0]!.config };
    expect(() => new GroupLimitedRouter({ ...config, nGroup: 3 })).toThrow("expected nGroup that divides 8 experts");
    expect(() => new GroupLimitedRouter({ ...config, topkGroup: 1 })).toThrow("expected topkGroup from 2,");
  });
});

describe("TopPRouter", () => {
  test.each(golden.topP)("takes experts until their probability exceeds topP: $config", async ({ config, weights }) => {
    const { dense, slots } = await route(new TopPRouter({ ...sizes, ...config }));
    expectClose(dense, weights);
    const used = slots.map((row) => row.filter((expert) => expert >= 0).length);
    expect(new Set(used).size).toBeGreaterThan(1);
    for (const [t, row] of slots.entries()) {
      expect(row).toHaveLength(config.numExpertsPerTok);
      expect(row.slice(used[t])).toEqual(row.slice(used[t]).map(() => -1));
    }
  });
});

describe("ExpertChoiceRouter", () => {
  test.each(golden.expertChoice)("each expert takes its best tokens of a sequence: $lengths", async (one) => {
    const { config, lengths, weights } = one;
    const length = golden.x.length / lengths.length;
    const mask = lengths.flatMap((tokens) => Array.from({ length }, (_, i) => (i < tokens ? 1 : 0)));
    const tokenMask = mask.includes(0) ? new TokenMask(lengths.length, Uint8Array.from(mask)) : null;
    const router = new ExpertChoiceRouter({ ...sizes, ...config });
    const { dense, slots } = await route(router, { rows: lengths.length, tokenMask });
    expectClose(dense, weights);
    const most = Math.max(...slots.map((row) => row.filter((expert) => expert >= 0).length));
    expect(slots[0]).toHaveLength(most);
    tidy(() => {
      const indices = tensor2d(slots, undefined, "int32");
      const routing = captureRouting({ logits: indices, indices, weights: indices }, { router, tokenMask });
      const counts = [...router.expertCounts(routing).dataSync()];
      const capacity = lengths.reduce(
        (total, tokens) => total + Math.min(tokens, Math.ceil((tokens * config.numExpertsPerTok) / sizes.numExperts)),
        0,
      );
      expect(counts).toEqual(counts.map(() => capacity));
      expect(router.loadBalancingLoss().dataSync()[0]).toBe(0);
    });
  });

  test("a part of a sequence is refused", async () => {
    const router = new ExpertChoiceRouter({ ...sizes, numExpertsPerTok: 2 });
    await expect(route(router, { usesCache: true })).rejects.toThrow(
      "ExpertChoiceRouter: expected whole sequences, got tokens with a cache",
    );
    router.dispose();
  });
});

test("a token may have no expert: its weights are 0", async () => {
  /** Every other token. */
  class Sparse extends SoftmaxRouter {
    protected override selectExperts(scores: Tensor2D): Tensor2D {
      const rows = scores.arraySync().map((row, t) => [t % 2 === 0 ? row.indexOf(Math.max(...row)) : -1, -1]);
      return tensor2d(rows, undefined, "int32");
    }
  }
  const { dense } = await route(new Sparse({ ...sizes, numExpertsPerTok: 2 }));
  for (const [t, row] of dense.entries()) expect(row.reduce((a, b) => a + b)).toBeCloseTo(t % 2 === 0 ? 1 : 0, 6);
});

test("a router sees the rows and the padding", async () => {
  const seen: RoutingContext[] = [];
  /** Adds the mean logits of the sequence to those of each token. */
  class Watching extends Router {
    protected override gateLogits(x: Tensor2D, context: RoutingContext): Tensor2D {
      seen.push(context);
      const logits = super.gateLogits(x, context);
      const [t, e] = logits.shape;
      const rows = context.rows ?? 1;
      return reshape(add(reshape(logits, [rows, t / rows, e]), sum(logits)), [t, e]);
    }
    protected override score(logits: Tensor2D): Tensor2D {
      return softmax(logits);
    }
  }
  const tokenMask = new TokenMask(
    2,
    Uint8Array.from(golden.x, (_, i) => (i === 3 ? 0 : 1)),
  );
  await route(new Watching({ ...sizes, numExpertsPerTok: 2 } satisfies RouterConfig), { rows: 2, tokenMask });
  expect(seen).toEqual([{ rows: 2, tokenMask }]);
});
