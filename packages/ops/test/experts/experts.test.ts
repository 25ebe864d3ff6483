/** Routed experts: all strategies against the formula, what they read, and which of them ran. */

import {
  backend,
  dispose,
  engine,
  memory,
  profile,
  registerBackend,
  removeBackend,
  setBackend,
  type Tensor2D,
  tidy,
} from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  chooseStrategy,
  type ExpertStacks,
  type ExpertsStrategy,
  experts,
  expertsRuns,
  type Gating,
  OpsError,
  silu,
} from "../../src/index.js";
import { expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { COMPOSED } from "../support/experts-cases.js";
import { composed, withStandIn } from "../support/kernels.js";
import { experts as reference } from "../support/reference.js";
import { GATINGS } from "../support/simple-cases.js";
import { choices, integers, normal, toTensor, type Values } from "../support/values.js";
import { PLACEMENTS, type Placement, weightOf } from "../support/weights.js";

type Bias = "gateBias" | "upBias" | "downBias";
type Given = Readonly<Record<"x" | "indices" | "weights" | "gate" | "up" | "down", Values>> & {
  readonly [bias in Bias]?: Values;
};

/** Biases for all or for some of the products. */
const biasesOf = (seed: number, e: number, inner: number, hidden: number): { readonly [bias in Bias]?: Values } => ({
  gateBias: normal(seed, [e, inner]),
  ...(seed % 2 && { upBias: normal(seed + 1, [e, inner]) }),
  downBias: normal(seed + 2, [e, hidden]),
});

/** Some choices of none, so that tokens have fewer experts and some have none. */
const withoutSome = ({ values, ...rest }: Values, seed: number): Values => ({
  ...rest,
  values: values.map((expert, i) => ((i * 7 + seed) % 5 < 2 ? -1 : expert)) as Values["values"],
});

const given = (seed: number, e: number, inner: number, hidden: number, indices: Values): Given => ({
  x: normal(seed, [indices.shape[0]!, hidden]),
  indices,
  weights: normal(seed + 1, indices.shape),
  gate: normal(seed + 2, [e, inner, hidden]),
  up: normal(seed + 3, [e, inner, hidden]),
  down: normal(seed + 4, [e, hidden, inner]),
});

const stacksOf = (values: Given, placement: Placement): ExpertStacks => ({
  gate: weightOf(toTensor(values.gate), "stack", placement),
  up: weightOf(toTensor(values.up), "stack", placement),
  down: weightOf(toTensor(values.down), "stack", placement),
  gateBias: values.gateBias && (toTensor(values.gateBias) as Tensor2D),
  upBias: values.upBias && (toTensor(values.upBias) as Tensor2D),
  downBias: values.downBias && (toTensor(values.downBias) as Tensor2D),
});

const routedOf = ({ x, indices, weights }: Given) => ({
  x: toTensor(x) as Tensor2D,
  indices: toTensor(indices) as Tensor2D,
  weights: toTensor(weights) as Tensor2D,
});

const run = (values: Given, placement: Placement, strategy?: ExpertsStrategy, gating: Gating = silu): Tensor2D =>
  experts(routedOf(values), stacksOf(values, placement), gating, strategy);

/** What ran meanwhile. */
function ran(f: () => void): Partial<Record<ExpertsStrategy, number>> {
  const before = expertsRuns();
  f();
  const after = expertsRuns();
  const names = Object.keys(after) as ExpertsStrategy[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]]).filter(([, count]) => count));
}

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  const own: ExpertsStrategy = name === "native" ? "fused" : "sparse";

  test.each(own === "fused" ? [...COMPOSED, own] : COMPOSED)(
    "%s is what the formula says, however the stacks lie",
    (strategy) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 1, max: 5 }),
          fc.nat(),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom(...PLACEMENTS),
          fc.integer(),
          fc.record({ isPartial: fc.boolean(), hasBiases: fc.boolean(), gating: fc.constantFrom(...GATINGS) }),
          (t, e, k, inner, hidden, placement, seed, { isPartial, hasBiases, gating }) => {
            const indices = choices(seed, t, 1 + (k % e), e);
            const values = {
              ...given(seed, e, inner, hidden, isPartial ? withoutSome(indices, t + e) : indices),
              ...(hasBiases && biasesOf(seed, e, inner, hidden)),
            };
            const expected = { shape: [t, hidden], values: reference(values, gating) };
            tidy(() =>
              expectTensor(run(values, placement, strategy, gating), expected, { absolute: 2e-5, relative: 2e-5 }),
            );
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  test("it takes one way by itself, and says which", () => {
    const values = given(1, 4, 2, 3, choices(1, 3, 2, 4));
    const counted = ran(() => tidy(() => run(values, PLACEMENTS[0]!)));
    expect(counted).toEqual({ [own]: 1 });
    expect(chooseStrategy({ tokens: 3, k: 2, experts: 4 })).toBe(own);
  });

  test("it takes the fused kernel where there is one", () => {
    const values = given(1, 4, 2, 3, choices(1, 3, 2, 4));
    withStandIn("MixtapeExperts", [3, 3], () => {
      expect(chooseStrategy({ tokens: 3, k: 2, experts: 4 })).toBe("fused");
      expect(ran(() => tidy(() => run(values, PLACEMENTS[0]!)))).toEqual({ fused: 1 });
      expect(ran(() => tidy(() => run(values, PLACEMENTS[0]!, "dense")))).toEqual({ dense: 1 });
    });
  });

  test.each(["apart", "together"] as const)("fused, of stacks that lie %s, leaves nothing but its output", (stacks) => {
    const values = given(1, 4, 2, 3, choices(1, 3, 2, 4));
    const weights = stacksOf(values, { layout: "plain", stacks });
    const routed = routedOf(values);
    withStandIn("MixtapeExperts", [3, 3], () => {
      const before = memory().numTensors;
      experts(routed, weights, silu, "fused").dispose();
      expect(memory().numTensors).toBe(before);
    });
  });

  test.skipIf(own === "fused")("what it refuses is not counted as a run", () => {
    const values = given(1, 4, 2, 3, choices(1, 3, 2, 4));
    const refused = () => expect(() => tidy(() => run(values, PLACEMENTS[0]!, "fused"))).toThrow(OpsError);
    expect(ran(refused)).toEqual({});
  });

  test("sparse reads the experts that were routed to and no others", () => {
    // Experts 0 and 2 of stacks that lie apart: 1 and 3 were freed, and reading them would throw.
    const values = given(1, 4, 2, 3, integers([2, 0, 0, 2], [2, 2]));
    const stacks = stacksOf(values, { layout: "plain", stacks: "apart" });
    for (const { parts } of [stacks.gate, stacks.up, stacks.down]) dispose([parts[1]!, parts[3]!]);
    const expected = { shape: [2, 3], values: reference(values) };
    expectTensor(experts(routedOf(values), stacks, silu, "sparse"), expected, { absolute: 1e-5, relative: 1e-5 });
    expect(() => experts(routedOf(values), stacks, silu, "dense")).toThrow();
  });

  test.each([
    ["sparse", 1],
    ["gathered", 0],
    ["dense", 0],
  ] as const)("%s reads back from the engine %i times", (strategy, times) => {
    const values = given(1, 4, 2, 3, choices(1, 3, 2, 4));
    const stacks = stacksOf(values, { layout: "plain", stacks: "together" });
    const routed = routedOf(values);
    // What tensors are read by. Kernels read through their backend, where their tensors lie.
    const reads = [vi.spyOn(engine(), "readSync"), vi.spyOn(engine(), "read")];
    experts(routed, stacks, silu, strategy);
    expect(reads.map((read) => read.mock.calls.length)).toEqual([times, 0]);
    for (const read of reads) read.mockRestore();
  });

  test("sparse multiplies each routed expert once, whatever the number of tokens", async () => {
    const values = given(1, 8, 2, 3, choices(3, 6, 2, 5));
    const routed = new Set(values.indices.values).size;
    const stacks = stacksOf(values, { layout: "plain", stacks: "apart" });
    const tensors = routedOf(values);
    const { kernels } = await composed(() =>
      profile(() => {
        const y = experts(tensors, stacks, silu, "sparse");
        y.dispose();
        return y;
      }),
    );
    // Three matrices of each, and the weighted sum.
    expect(kernels.filter((kernel) => kernel.name === "BatchMatMul")).toHaveLength(3 * routed + 1);
  });
});

test("one token of sparse runs its experts, joins and weighs them, and nothing else", async () => {
  await useBackend("cpu");
  const values = given(1, 4, 2, 3, integers([3, 1], [1, 2]));
  const stacks = stacksOf(values, { layout: "plain", stacks: "apart" });
  const routed = routedOf(values);
  const { kernels } = await profile(() => experts(routed, stacks, silu, "sparse"));
  const names = kernels.map(({ name }) => name).filter((name) => name !== "Reshape");
  expect(names).toEqual(["MixtapeGatedMlp", "MixtapeGatedMlp", "Concat", "BatchMatMul"]);
});

describe("on an engine that cannot be read back at once", () => {
  test("few choices are gathered, and many run through all experts", async () => {
    await useBackend("cpu");
    const cpu = backend();
    registerBackend("far-away", () => cpu);
    try {
      await setBackend("far-away");
      expect(chooseStrategy({ tokens: 1, k: 8, experts: 128 })).toBe("gathered");
      expect(chooseStrategy({ tokens: 15, k: 8, experts: 128 })).toBe("gathered");
      expect(chooseStrategy({ tokens: 16, k: 8, experts: 128 })).toBe("dense");
    } finally {
      await setBackend("cpu");
      removeBackend("far-away");
    }
  });
});
