import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs-core";
import {
  ACTIVATIONS,
  clampedSwiglu,
  crossEntropy,
  embedding,
  type Gating,
  gate,
  gatedMlp,
  groupedGradWeight,
  groupedMatMul,
  linear,
  rmsNorm,
  rotary,
  silu,
  sumOfSquares,
  takeAlongAxis,
  topKIndices,
} from "../../src/index.js";
import { type OpCase, type OpEntry, opCase } from "./cases.js";
import * as reference from "./reference.js";
import { choices, floats, integers, normal, uniform, type Values } from "./values.js";
import { type Placement, weightOf } from "./weights.js";

const LAYOUTS: readonly Placement["layout"][] = ["plain", "transposed"];
/** All gatings, one of them with bounds that numbers here lie on both sides of. */
export const GATINGS: readonly Gating[] = [...ACTIVATIONS, clampedSwiglu({ limit: 0.9, alpha: 1.702 })];

/** Where the rows of each matrix of a stack begin, and where the last end. */
const GROUPS: Readonly<Record<string, readonly number[]>> = {
  "all in one": [0, 4],
  "groups of several sizes, one of them empty": [0, 2, 2, 3, 7],
  "the first and the last empty": [0, 0, 1, 5, 5],
};

/** The ops other than attention and experts. */
export const SIMPLE: readonly OpEntry[] = [
  { op: "linear", kernel: "MixtapeLinear", differentiable: true, cases: linearCases() },
  { op: "embedding", kernel: "MixtapeEmbedding", differentiable: true, cases: embeddingCases() },
  { op: "rmsNorm", kernel: "MixtapeRmsNorm", differentiable: true, cases: rmsNormCases() },
  { op: "rotary", kernel: "MixtapeRotary", differentiable: true, cases: rotaryCases() },
  { op: "gate", kernel: "MixtapeGate", differentiable: true, cases: GATINGS.map(gateCase) },
  { op: "gatedMlp", kernel: "MixtapeGatedMlp", differentiable: true, cases: gatedMlpCases() },
  { op: "takeAlongAxis", kernel: "MixtapeTakeAlongAxis", differentiable: true, cases: takeAlongCases() },
  { op: "crossEntropy", kernel: "MixtapeCrossEntropy", differentiable: true, cases: crossEntropyCases() },
  { op: "groupedMatMul", kernel: "MixtapeGroupedMatMul", differentiable: true, cases: groupedMatMulCases() },
  { op: "groupedGradWeight", kernel: "MixtapeGroupedGradWeight", differentiable: true, cases: groupedOuterCases() },
  { op: "sumOfSquares", kernel: "MixtapeSumOfSquares", differentiable: true, cases: sumOfSquaresCases() },
  { op: "topKIndices", kernel: "MixtapeTopKIndices", differentiable: false, cases: topKCases() },
];

function crossEntropyCases(): OpCase[] {
  const variants: [string, number[], number[]][] = [
    ["one row", [1, 5], [3]],
    ["rows", [3, 4], [0, 3, 3]],
    ["a vocabulary of one", [2, 1], [0, 0]],
  ];
  return variants.map(([what, shape, targets]) =>
    opCase(
      what,
      { logits: normal(1, shape), targets: integers(targets) },
      (t) => () => crossEntropy(t.logits as Tensor2D, t.targets as Tensor1D),
      ({ logits, targets }) => reference.crossEntropy(logits, targets),
    ),
  );
}

function groupedMatMulCases(): OpCase[] {
  return [false, true].flatMap((transposed) =>
    Object.entries(GROUPS).map(([what, offsets]) =>
      opCase(
        `${what}${transposed ? ", transposed" : ""}`,
        {
          x: normal(1, [offsets.at(-1)!, 3]),
          stack: normal(2, [offsets.length - 1, ...(transposed ? [3, 5] : [5, 3])]),
        },
        (t) => () => groupedMatMul({ x: t.x as Tensor2D, stack: t.stack as Tensor3D }, { offsets, transposed }),
        ({ x, stack }) => reference.groupedMatMul(x, stack, offsets, transposed),
      ),
    ),
  );
}

function groupedOuterCases(): OpCase[] {
  return Object.entries(GROUPS).map(([what, offsets]) =>
    opCase(
      what,
      { a: normal(1, [offsets.at(-1)!, 3]), b: normal(2, [offsets.at(-1)!, 2]) },
      (t) => () => groupedGradWeight({ a: t.a as Tensor2D, b: t.b as Tensor2D }, { offsets }),
      ({ a, b }) => reference.groupedGradWeight(a, b, offsets),
    ),
  );
}

function sumOfSquaresCases(): OpCase[] {
  const variants = {
    "one tensor": [[5]],
    "two of several shapes": [
      [2, 3],
      [2, 2, 2],
    ],
  };
  return Object.entries(variants).map(([what, shapes]) =>
    opCase(
      what,
      Object.fromEntries(shapes.map((shape, i) => [`${i}`, normal(i, shape)])),
      (t) => () => sumOfSquares(shapes.map((_, i) => t[`${i}`]!)),
      (inputs) => reference.sumOfSquares(Object.values(inputs)),
    ),
  );
}

function linearCases(): OpCase[] {
  const shapes = { "a vector": [4], "one row": [1, 4], rows: [3, 4], "batches of rows": [2, 3, 4] };
  return LAYOUTS.flatMap((layout) =>
    Object.entries(shapes).flatMap(([what, shape]) => {
      const x = normal(1, shape);
      const w = normal(2, [5, 4]);
      return [
        opCase(
          `${what}, ${layout}`,
          { x, w },
          (t) => {
            const weight = weightOf(t.w, "matrix", { layout });
            return () => linear(t.x, weight);
          },
          ({ x, w }) => reference.linear(x, w),
        ),
        opCase(
          `${what}, ${layout}, bias`,
          { x, w, bias: normal(3, [5]) },
          (t) => {
            const weight = weightOf(t.w, "matrix", { layout });
            return () => linear(t.x, weight, t.bias as Tensor1D);
          },
          ({ x, w, bias }) => reference.linear(x, w, bias),
        ),
      ];
    }),
  );
}

function embeddingCases(): OpCase[] {
  return LAYOUTS.flatMap((layout) =>
    Object.entries({ "one id": [4], "ids that repeat": [2, 0, 2, 6, 2] }).map(([what, ids]) =>
      opCase(
        `${what}, ${layout}`,
        { ids: integers(ids), table: normal(1, [7, 3]) },
        (t) => {
          const weight = weightOf(t.table, layout === "plain" ? "table" : "matrix", { layout });
          return () => embedding(t.ids as Tensor1D, weight);
        },
        ({ ids, table }) => reference.embedding(ids, table),
      ),
    ),
  );
}

function rmsNormCases(): OpCase[] {
  const variants: [string, number[], number][] = [
    ["one row", [1, 8], 1e-5],
    ["hidden states", [2, 3, 8], 1e-6],
    ["heads", [2, 2, 3, 4], 1e-5],
    ["an eps that matters", [3, 8], 0.5],
  ];
  return variants.flatMap(([what, shape, eps]) => {
    const inputs = { x: normal(1, shape), scale: normal(2, [shape.at(-1)!], { scale: 0.3, shift: 1 }) };
    return [
      opCase(
        what,
        inputs,
        (t) => {
          return () => rmsNorm(t.x, t.scale as Tensor1D, eps);
        },
        ({ x, scale }) => reference.rmsNorm(x, scale, eps),
      ),
      opCase(
        `${what}, added to a residual`,
        { ...inputs, residual: normal(3, shape) },
        (t) => {
          return () => rmsNorm(t.x, t.scale as Tensor1D, eps, t.residual);
        },
        ({ x, scale, residual }) => reference.rmsNorm(x, scale, eps).map((value, i) => value + residual.values[i]!),
      ),
    ];
  });
}

function rotaryCases(): OpCase[] {
  const shapes: [string, number[], number, number][] = [
    ["one token, one head", [1, 1, 1, 4], 1, 4],
    ["rows that share their positions", [3, 2, 3, 4], 1, 4],
    ["rows with positions of their own", [3, 2, 3, 4], 3, 4],
    ["half of a head", [2, 2, 3, 8], 1, 4],
    ["half of a head, positions of their own", [2, 2, 3, 8], 2, 4],
  ];
  const variants = shapes.flatMap(([what, ...rest]) => [
    [what, false, ...rest] as const,
    [`${what}, interleaved`, true, ...rest] as const,
  ]);
  return variants.map(([what, interleaved, shape, rows, d]) => {
    // Not cosines and sines of one angle: the op takes any two tables, and scaled ones.
    const tables = { cos: normal(2, [rows, shape[2]!, d]), sin: normal(3, [rows, shape[2]!, d]) };
    return opCase(
      what,
      { x: normal(1, shape), ...tables },
      (t) => {
        return () => rotary(t.x as Tensor4D, { cos: t.cos as Tensor3D, sin: t.sin as Tensor3D }, { interleaved });
      },
      ({ x, cos, sin }) => reference.rotary(x, cos, sin, interleaved),
    );
  });
}

/** From −4 to 4 and far beyond, and nowhere near the kink of relu at 0. */
function gateCase(gating: Gating): OpCase {
  const spread = floats([-30, -4, -2.5, -1, -0.75, -0.3, -0.1, 0.1, 0.3, 0.75, 1, 2.5, 4, 30], [2, 7]);
  return opCase(
    gating.name,
    { gate: spread, up: normal(1, [2, 7]) },
    (t) => () => gate(t.gate, t.up, gating),
    ({ gate: g, up }) => reference.gate(g.values, up.values, gating),
  );
}

function gatedMlpCases(): OpCase[] {
  const inputs = (shape: number[]): Record<"x" | "gate" | "up" | "down", Values> => ({
    x: normal(1, shape),
    gate: normal(2, [5, 4], { scale: 0.7 }),
    up: normal(3, [5, 4], { scale: 0.7 }),
    down: normal(4, [4, 5], { scale: 0.7 }),
  });
  const biases = { gateBias: normal(5, [5]), upBias: normal(6, [5]), downBias: normal(7, [4]) };
  const biased = (layout: Placement["layout"]) =>
    opCase(
      `rows, ${layout}, biases`,
      { ...inputs([3, 4]), ...biases },
      ({ x, gate, up, down, ...rest }) => {
        const weights = {
          gate: weightOf(gate, "matrix", { layout }),
          up: weightOf(up, "matrix", { layout }),
          down: weightOf(down, "matrix", { layout }),
          ...(rest as Record<keyof typeof biases, Tensor1D>),
        };
        return () => gatedMlp(x, weights, silu);
      },
      ({ x, gate, up, down, ...rest }) => reference.gatedMlp(x.values, gate, up, down, silu, rest),
    );
  const one = (what: string, shape: number[], layout: Placement["layout"], gating: Gating) =>
    opCase(
      `${what}, ${layout}, ${gating.name}`,
      inputs(shape),
      ({ x, ...matrices }) => {
        const weights = {
          gate: weightOf(matrices.gate, "matrix", { layout }),
          up: weightOf(matrices.up, "matrix", { layout }),
          down: weightOf(matrices.down, "matrix", { layout }),
        };
        return () => gatedMlp(x, weights, gating);
      },
      ({ x, gate: g, up, down }) => reference.gatedMlp(x.values, g, up, down, gating),
    );
  return [
    ...LAYOUTS.flatMap((layout) => GATINGS.map((gating) => one("rows", [3, 4], layout, gating))),
    one("one token", [1, 1, 4], "transposed", silu),
    one("batches of rows", [2, 2, 4], "plain", silu),
    ...LAYOUTS.map(biased),
  ];
}

function takeAlongCases(): OpCase[] {
  const variants: [string, number, number, number][] = [
    ["one row, one column", 1, 1, 4],
    ["some columns", 3, 2, 5],
    ["all columns", 3, 4, 4],
  ];
  return variants.map(([what, t, k, e]) =>
    opCase(
      what,
      { x: normal(1, [t, e]), indices: choices(2, t, k, e) },
      ({ x, indices }) => {
        return () => takeAlongAxis(x as Tensor2D, indices as Tensor2D);
      },
      ({ x, indices }) => reference.takeAlongAxis(x, indices),
    ),
  );
}

function topKCases(): OpCase[] {
  const next = uniform(5);
  // Few different values, so that many are equal.
  const coarse = (t: number, e: number) =>
    floats(
      Array.from({ length: t * e }, () => Math.floor(next() * 4)),
      [t, e],
    );
  const variants: [string, Values, number][] = [
    ["one token, k = 1", normal(1, [1, 6]), 1],
    ["k = E", normal(2, [3, 6]), 6],
    ["all equal", floats(new Array(8).fill(0.5), [1, 8]), 5],
    ["ties", coarse(4, 16), 5],
    ["256 experts", normal(3, [3, 256]), 8],
    ["256 experts, ties", coarse(3, 256), 12],
  ];
  return variants.map(([what, scores, k]) =>
    opCase(
      what,
      { scores },
      (t) => () => topKIndices(t.scores as Tensor2D, k),
      (given) => reference.topKIndices(given.scores, k),
    ),
  );
}
