import type { Tensor2D } from "@tensorflow/tfjs-core";
import { type ExpertsStrategy, experts } from "../../src/index.js";
import { type OpCase, type OpEntry, opCase } from "./cases.js";
import * as reference from "./reference.js";
import { choices, integers, normal, type Values } from "./values.js";
import { PLACEMENTS, type Placement, weightOf } from "./weights.js";

const HIDDEN = 4;
const INNER = 3;

interface Routing {
  readonly experts: number;
  readonly indices: Values;
}

const ROUTINGS: Readonly<Record<string, Routing>> = {
  "one token": { experts: 4, indices: integers([2, 0], [1, 2]) },
  "one token, k = 1": { experts: 3, indices: integers([1], [1, 1]) },
  "k = E": { experts: 3, indices: choices(1, 2, 3, 3) },
  "an expert that no token chose": { experts: 4, indices: integers([3, 0, 0, 1, 1, 3], [3, 2]) },
  "one expert for all": { experts: 3, indices: integers([1, 1, 1], [3, 1]) },
};

/** The strategies that are compositions. */
export const COMPOSED = ["sparse", "gathered", "dense"] as const satisfies readonly ExpertsStrategy[];

export const EXPERTS: readonly OpEntry[] = COMPOSED.map((strategy) => ({
  op: `experts, ${strategy}`,
  kernel: "MixtapeExperts",
  differentiable: true,
  cases: expertsCases(strategy),
}));

/** The ways to use experts with a strategy. */
export function expertsCases(strategy: ExpertsStrategy): OpCase[] {
  return [
    ...PLACEMENTS.map((placement) => one("an expert that no token chose", strategy, placement)),
    one("one token", strategy, { layout: "plain", stacks: "apart" }),
    one("one token, k = 1", strategy, { layout: "transposed", stacks: "apart" }),
    one("k = E", strategy, { layout: "plain", stacks: "together" }),
    one("one expert for all", strategy, { layout: "transposed", stacks: "apart" }),
  ];
}

function one(what: string, strategy: ExpertsStrategy, placement: Placement): OpCase {
  const { experts: e, indices } = ROUTINGS[what]!;
  const [tokens = 0, k = 0] = indices.shape;
  const inputs = {
    x: normal(11, [tokens, HIDDEN]),
    indices,
    weights: normal(12, [tokens, k], { scale: 0.3, shift: 0.6 }),
    gate: normal(13, [e, INNER, HIDDEN]),
    up: normal(14, [e, INNER, HIDDEN]),
    down: normal(15, [e, HIDDEN, INNER]),
  };
  return opCase(
    `${what}, ${placement.layout}, ${placement.stacks}`,
    inputs,
    (t) => {
      const stacks = {
        gate: weightOf(t.gate, "stack", placement),
        up: weightOf(t.up, "stack", placement),
        down: weightOf(t.down, "stack", placement),
      };
      const routed = { x: t.x as Tensor2D, indices: t.indices as Tensor2D, weights: t.weights as Tensor2D };
      return () => experts(routed, stacks, "silu", strategy);
    },
    reference.experts,
  );
}
