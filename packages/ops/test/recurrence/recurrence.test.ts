/** The gated delta rule and the causal convolution against transformers' own, with their gradients. */

import { fileURLToPath } from "node:url";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import {
  addN,
  dispose,
  grads,
  mul,
  type Scalar,
  slice,
  sum,
  type Tensor,
  type Tensor3D,
  tensor,
  tidy,
  transpose,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { activate, causalConvolution, gatedDeltaRule, silu } from "../../src/index.js";
import { expectTensor } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { composed } from "../support/kernels.js";
import { toTensors, type Values } from "../support/values.js";

type Group = Record<string, Values>;
type Golden = Record<"in" | "out" | "upstream" | "grad", Group>;

/** By name, such as `rule/step`: transformers' code, run by torch in float32. */
async function readGoldens(): Promise<Record<string, Golden>> {
  const path = fileURLToPath(new URL("../../../testing/__fixtures__/delta-rule.safetensors", import.meta.url));
  await using file = await openSafetensors(path);
  const goldens: Record<string, Golden> = {};
  for (const name of file.names) {
    const [op, one, part, what] = name.split("/") as [string, string, keyof Golden, string];
    const view = file.tensor(name);
    const golden = goldens[`${op}/${one}`] ?? { in: {}, out: {}, upstream: {}, grad: {} };
    goldens[`${op}/${one}`] = golden;
    golden[part][what] = { shape: view.shape, dtype: "float32", values: toFloat32(await view.read(), view.dtype) };
  }
  return goldens;
}

type Named = Readonly<Record<string, Tensor>>;

const OURS: Readonly<Record<string, (inputs: Named) => Named>> = {
  rule: (inputs) => {
    const { output, state } = gatedDeltaRule(inputs as Parameters<typeof gatedDeltaRule>[0], { l2NormEps: 1e-6 });
    return { y: output, state };
  },
  // Theirs are `[B, C, L]`, and go through SiLU.
  convolution: ({ x, w }) => {
    const { y } = causalConvolution({ x: transpose(x as Tensor3D, [0, 2, 1]), weight: w as never });
    return { y: transpose(activate(y, silu), [0, 2, 1]) };
  },
};

/** Sums of up to 131 tokens in another order than torch's. */
const OF_TORCH = { absolute: 1e-5, relative: 1e-5 };

const GOLDENS = Object.entries(await readGoldens());

test("every case is compared", () => {
  expect(GOLDENS.map(([name]) => name).sort()).toEqual([
    "convolution/kernel-2",
    "convolution/kernel-4",
    "convolution/shorter",
    "rule/chunk",
    "rule/chunks",
    "rule/continued",
    "rule/extremes",
    "rule/short",
    "rule/step",
  ]);
});

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each(GOLDENS)("%s", (name, golden) => check(OURS[name.split("/")[0]!]!, golden));
  test.each(GOLDENS)("the composition of %s", (name, golden) =>
    composed(() => check(OURS[name.split("/")[0]!]!, golden)),
  );

  test("in two parts it is the same", () => {
    const [, golden] = GOLDENS.find(([name]) => name === "rule/chunks")!;
    tidy(() => {
      const inputs = toTensors(golden.in);
      const part = (from: number, size: number) =>
        Object.fromEntries(
          Object.entries(inputs).map(([name, x]) => [name, slice(x, [0, from], [x.shape[0]!, size])]),
        ) as unknown as Parameters<typeof gatedDeltaRule>[0];
      const { state } = gatedDeltaRule(part(0, 70), { l2NormEps: 1e-6 });
      const rest = gatedDeltaRule({ ...part(70, 61), state }, { l2NormEps: 1e-6 });
      expectTensor(rest.state, golden.out.state!, OF_TORCH);
    });
  });

  test("equal keys lose no digits", () => {
    // Powers of their products are larger than float32 can take the difference of.
    const length = 64;
    const ones = (shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
    tidy(() => {
      const k = mul(ones([1, length, 1, 4]), 0.5);
      const v = tensor(
        Float32Array.from({ length }, (_, t) => Math.sin(t)),
        [1, length, 1, 1],
      );
      const inputs = { q: k, k, v, g: mul(ones([1, length, 1]), 0), beta: ones([1, length, 1]) };
      const { output } = gatedDeltaRule(inputs as unknown as Parameters<typeof gatedDeltaRule>[0], { scale: 1 });
      // With a rate of 1 and keys of length 1 the state gives what was written last.
      expectTensor(output, { shape: [1, length, 1, 1], values: v.dataSync() });
    });
  });
});

function check(run: (inputs: Named) => Named, golden: Golden): void {
  const inputs = toTensors(golden.in);
  const upstream = toTensors(golden.upstream);
  tidy(() => {
    const ours = run(inputs);
    for (const [name, values] of Object.entries(golden.out)) expectTensor(ours[name]!, values, OF_TORCH);
    const names = Object.keys(golden.grad);
    const loss = (...xs: Tensor[]): Scalar => {
      const made = run({ ...inputs, ...Object.fromEntries(names.map((name, i) => [name, xs[i]!])) });
      return addN(Object.entries(upstream).map(([name, dy]) => sum(mul(made[name]!, dy))));
    };
    const found = grads(loss)(names.map((name) => inputs[name]!));
    for (const [i, name] of names.entries()) expectTensor(found[i]!, golden.grad[name]!, OF_TORCH);
  });
  dispose([inputs, upstream]);
}
