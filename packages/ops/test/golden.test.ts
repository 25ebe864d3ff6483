/** Every op that the reference has, against its values and gradients, in every layout of its weights. */

import {
  add,
  addN,
  div,
  grads,
  matMul,
  mul,
  reshape,
  type Scalar,
  sigmoid,
  softmax,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tidy,
  tile,
  transpose,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ACTIVATIONS,
  AttentionMask,
  attention,
  attentionWithProbabilities,
  experts,
  gatedMlp,
  linear,
  rmsNorm,
  rotary,
  takeAlongAxis,
  topKIndices,
} from "../src/index.js";
import { expectTensor } from "./support/close.js";
import { ENGINES, useBackend } from "./support/engines.js";
import { COMPOSED } from "./support/experts-cases.js";
import { type Golden, type GoldenAttributes, readGoldens } from "./support/golden.js";
import { composed } from "./support/kernels.js";
import { toTensors } from "./support/values.js";
import { PLACEMENTS, type Placement, weightOf } from "./support/weights.js";

/** Sums of up to a hundred products in another order than torch's, and an error function that is right to 1.5e-7. */
const OF_TORCH = { absolute: 1e-5, relative: 1e-5 };

type Inputs = Readonly<Record<string, Tensor>>;
type Outputs = Readonly<Record<string, Tensor>>;
/** Our way to compute a golden operation: its outputs from its inputs. */
type Ours = (inputs: Inputs, attributes: GoldenAttributes, name: string) => Outputs;

const matrices = ({ gate, up, down }: Inputs, role: "matrix" | "stack", placement: Placement) => ({
  gate: weightOf(gate!, role, placement),
  up: weightOf(up!, role, placement),
  down: weightOf(down!, role, placement),
});

const LAYOUTS = PLACEMENTS.filter(({ stacks }) => stacks === "together");

/** For each golden operation the ways in which we do it, by name. */
const OURS: Readonly<Record<string, Readonly<Record<string, Ours>>>> = {
  rms_norm: { rmsNorm: ({ x, w }, { eps }) => ({ y: rmsNorm(x!, w as Tensor1D, eps!) }) },
  rotary: { rotary: (inputs) => rotateBoth(inputs, false) },
  rotary_interleaved: { "rotary, interleaved": (inputs) => rotateBoth(inputs, true) },
  rotary_scores: {
    "rotary, interleaved, and matMul": (inputs) => {
      const { q, k } = rotateBoth(inputs, true);
      const keys = tile(k, [1, q.shape[1]! / k.shape[1]!, 1, 1]);
      return { scores: matMul(q, keys, false, true) };
    },
  },
  attention: {
    attention: (inputs, attributes) => attend(inputs, attributes, attention),
    attentionWithProbabilities: (inputs, attributes) =>
      attend(inputs, attributes, (...args) => attentionWithProbabilities(...args).output),
  },
  gated_mlp: Object.fromEntries(
    LAYOUTS.map((placement): [string, Ours] => [
      `gatedMlp, ${placement.layout}`,
      (inputs, { activation }) => ({
        y: gatedMlp(inputs.x!, matrices(inputs, "matrix", placement), gatingOf(activation)),
      }),
    ]),
  ),
  experts: Object.fromEntries(
    COMPOSED.flatMap((strategy) =>
      PLACEMENTS.map((placement): [string, Ours] => [
        `experts, ${strategy}, ${placement.layout}, ${placement.stacks}`,
        (inputs, { activation }) => {
          const { x, indices, weights } = inputs;
          const routed = { x: x as Tensor2D, indices: indices as Tensor2D, weights: weights as Tensor2D };
          return { y: experts(routed, matrices(inputs, "stack", placement), gatingOf(activation), strategy) };
        },
      ]),
    ),
  ),
  router: Object.fromEntries(
    LAYOUTS.map(({ layout }): [string, Ours] => [
      `linear, topKIndices and takeAlongAxis, ${layout}`,
      (inputs, attributes, name) => route(inputs, attributes, layout, name !== "router.qwen3-moe"),
    ]),
  ),
};

const gatingOf = (name: string | undefined) => ACTIVATIONS.find((activation) => activation.name === name)!;

function route(
  { x, w, bias }: Inputs,
  { topK, routeScale = 1 }: GoldenAttributes,
  layout: Placement["layout"],
  normalize: boolean,
): Outputs {
  const logits = linear(x as Tensor2D, weightOf(w!, "matrix", { layout }));
  const scores = bias ? sigmoid(logits) : softmax(logits);
  const indices = topKIndices(bias ? add<Tensor2D>(scores, bias) : scores, topK!);
  const chosen = takeAlongAxis(scores, indices);
  return { logits, indices, weights: mul(normalize ? div(chosen, sum(chosen, -1, true)) : chosen, routeScale) };
}

function rotateBoth({ q, k, cos, sin }: Inputs, interleaved: boolean): { q: Tensor4D; k: Tensor4D } {
  const tables = { cos: cos as Tensor3D, sin: sin as Tensor3D };
  return { q: rotary(q as Tensor4D, tables, { interleaved }), k: rotary(k as Tensor4D, tables, { interleaved }) };
}

/** Theirs are `[B, H, L, D]`. */
function attend(
  { q, k, v, key_mask }: Inputs,
  { scale, offset, window }: GoldenAttributes,
  run: (q: Tensor4D, k: Tensor4D, v: Tensor4D, mask: AttentionMask, scale: number) => Tensor3D,
): Outputs {
  const [b, h, queries, d] = q!.shape as [number, number, number, number];
  const keys = k!.shape[2]!;
  expect(offset).toBe(keys - queries);
  const keyPadding = key_mask ? { rows: b, values: Uint8Array.from(key_mask.dataSync()) } : null;
  const mask = new AttentionMask({ queries, keys, window, keyPadding });
  const y = run(q as Tensor4D, k as Tensor4D, v as Tensor4D, mask, scale!);
  mask.dispose();
  return { y: transpose(reshape(y, [b, queries, h, d]), [0, 2, 1, 3]) };
}

const GOLDENS = [...(await readGoldens("ops")), ...(await readGoldens("ops-rotary"))];
/** The losses belong to `decoder`. */
const NOT_HERE = ["cross_entropy", "load_balancing"];

const CASES = GOLDENS.flatMap((golden) =>
  Object.entries(OURS[golden.op] ?? {}).map(([way, run]) => ({ name: golden.name, way, golden, run })),
);

test("every golden operation is compared", () => {
  const compared = new Set(CASES.map(({ name }) => name));
  const left = GOLDENS.filter(({ name, op }) => !compared.has(name) && !NOT_HERE.includes(op));
  expect(left).toEqual([]);
  expect(compared.size).toBeGreaterThan(25);
});

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each(CASES)("$name by $way", ({ golden, run }) => check(golden, run));
  test.each(CASES)("$name by the composition of $way", ({ golden, run }) => composed(() => check(golden, run)));
});

function check({ name, attributes, inputs, outputs, upstream, gradients }: Golden, run: Ours): void {
  tidy(() => {
    const tensors = toTensors(inputs);
    const ours = run(tensors, attributes, name);
    expect(Object.keys(ours).sort()).toEqual(Object.keys(outputs).sort());
    for (const output in outputs) expectTensor(ours[output]!, outputs[output]!, OF_TORCH);

    const above = toTensors(upstream);
    const names = Object.keys(gradients);
    const loss = (...xs: Tensor[]): Scalar => {
      const given = { ...tensors, ...Object.fromEntries(names.map((input, i) => [input, xs[i]!])) };
      const made = run(given, attributes, name);
      return addN(Object.entries(above).map(([output, dy]) => sum(mul(made[output]!, dy))));
    };
    const found = grads(loss)(names.map((input) => tensors[input]!));
    names.forEach((input, i) => {
      expectTensor(found[i]!, gradients[input]!, OF_TORCH);
    });
  });
}
