import type { Tensor2D } from "@tensorflow/tfjs-core";
import { type ExpertsStrategy, experts, silu } from "../../src/index.js";
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
  "fewer experts, and none": { experts: 4, indices: integers([2, -1, -1, -1, 0, 2], [3, 2]) },
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
    one("fewer experts, and none", strategy, { layout: "plain", stacks: "apart" }),
    one("fewer experts, and none", strategy, { layout: "transposed", stacks: "together" }, true),
    one("an expert that no token chose", strategy, { layout: "plain", stacks: "apart" }, true),
  ];
}

function one(what: string, strategy: ExpertsStrategy, placement: Placement, hasBiases = false): OpCase {
  const { experts: e, indices } = ROUTINGS[what]!;
  const [tokens = 0, k = 0] = indices.shape;
  const matrices = {
    x: normal(11, [tokens, HIDDEN]),
    indices,
    weights: normal(12, [tokens, k], { scale: 0.3, shift: 0.6 }),
    gate: normal(13, [e, INNER, HIDDEN]),
    up: normal(14, [e, INNER, HIDDEN]),
    down: normal(15, [e, HIDDEN, INNER]),
  };
  const biases: reference.Biases = hasBiases
    ? { gateBias: normal(16, [e, INNER]), upBias: normal(17, [e, INNER]), downBias: normal(18, [e, HIDDEN]) }
    : {};
  return opCase(
    [what, placement.layout, placement.stacks, ...(hasBiases ? ["biases"] : [])].join(", "),
    { ...matrices, ...(biases as Record<never, Values>) },
    ({ x, indices, weights, gate, up, down, ...rest }) => {
      const stacks = {
        gate: weightOf(gate, "stack", placement),
        up: weightOf(up, "stack", placement),
        down: weightOf(down, "stack", placement),
        ...(rest as Partial<Record<keyof reference.Biases, Tensor2D>>),
      };
      const routed = { x: x as Tensor2D, indices: indices as Tensor2D, weights: weights as Tensor2D };
      return () => experts(routed, stacks, silu, strategy);
    },
    (given) => reference.experts(given),
  );
}
