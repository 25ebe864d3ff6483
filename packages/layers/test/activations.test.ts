/** Activations by the names of configs: those of ops, and one that is defined here and nowhere else. */

import { decoderConfig, HIDDEN_ACTS, type HiddenAct } from "@mixtape/config";
import {
  ACTIVATIONS,
  clampedSwiglu,
  defineActivation,
  defineGating,
  type ExpertsStrategy,
  expertsRuns,
  valueAndGradientsOf,
} from "@mixtape/ops";
import {
  add,
  mul,
  type Scalar,
  sigmoid,
  softplus,
  sum,
  type Tensor1D,
  type Tensor2D,
  tanh,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, expectTypeOf, test } from "vitest";
import { activationOf, Experts, GatedMlp, gatingOf, LayersError, Mlp, registerActivation } from "../src/index.js";
import { fillAll, useCpu, withTensors } from "./support/cpu.js";

declare module "@mixtape/config" {
  interface HiddenActs {
    mish: "x · tanh(ln(1 + e^x))";
  }
}

/** Misra 2019, https://arxiv.org/abs/1908.08681 */
const mish = registerActivation(defineActivation({ name: "mish", forward: (x) => mul(x, tanh(softplus(x))) }), [
  "mish_python",
]);
const mishOf = (x: number) => x * Math.tanh(Math.log1p(Math.exp(x)));

const HIDDEN = 3;
const INNER = 4;
const config = { hiddenSize: HIDDEN, hiddenAct: "mish", numExperts: 4, moeIntermediateSize: INNER } as const;
const routed = () => ({
  x: tensor2d([1, -2, 0.5, -0.25, 3, 1], [2, HIDDEN]),
  indices: tensor2d([2, 0, -1, 3], [2, 2], "int32"),
  weights: tensor2d([0.75, 0.25, 0, 0.5], [2, 2]),
});

beforeAll(useCpu);

/** Rows of a parameter of one matrix, or of matrix `index` of a stack. */
function rowsOf(values: Float32Array, [rows, columns]: readonly [number, number], index = 0): number[][] {
  return Array.from({ length: rows }, (_, row) => [
    ...values.subarray((index * rows + row) * columns, (index * rows + row + 1) * columns),
  ]);
}
const times = (matrix: number[][], x: ArrayLike<number>) =>
  matrix.map((row) => row.reduce((total, value, i) => total + value * x[i]!, 0));

test("configs name what ops has", () => {
  expect(HIDDEN_ACTS.toSorted()).toEqual(ACTIVATIONS.map(({ name }) => name).toSorted());
  for (const activation of ACTIVATIONS) expect(activationOf(activation.name)).toBe(activation);
});

test("one of your own goes through configs, under each of its names", () => {
  expectTypeOf<"mish">().toExtend<HiddenAct>();
  const made = decoderConfig.create({ hiddenAct: "mish" });
  expect(gatingOf(made.hiddenAct)).toBe(mish);
  const file = decoderConfig.toJSON(made);
  expect(file).toMatchObject({ hidden_act: "mish" });
  expect(decoderConfig.parse({ ...file, hidden_act: "mish_python" }).hiddenAct).toBe("mish");
  expect(() => decoderConfig.parse({ ...file, hidden_act: "swiglu" })).toThrow(/hidden_act: expected one of .*"mish"/);
});

test("GatedMlp and Mlp run it, with biases and without", async () => {
  for (const bias of [false, true])
    for (const module of [new GatedMlp(config, INNER, { bias }), new Mlp(config, INNER, { bias })]) {
      await withTensors(async () => {
        await fillAll(module);
        const x = [0.5, -1, 2];
        const mapped = (linear: GatedMlp["upProj"], input: ArrayLike<number>) => {
          const shape = linear.weight.shape as [number, number];
          const product = times(rowsOf(linear.weight.weight.parts[0]!.dataSync<"float32">(), shape), input);
          return product.map((value, i) => value + (linear.bias?.vector.dataSync()[i] ?? 0));
        };
        const up = mapped(module.upProj, x);
        const inner =
          module instanceof GatedMlp
            ? mapped(module.gateProj, x).map((value, i) => mishOf(value) * up[i]!)
            : up.map(mishOf);
        const expected = mapped(module.downProj, inner);
        const got = tidy(() => module.forward(tensor2d(x, [1, HIDDEN])).dataSync());
        for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 4);
        module.dispose();
      });
    }
});

test.each<ExpertsStrategy>(["sparse", "gathered", "dense"])(
  "Experts run it %s, with biases and gradients",
  async (strategy) => {
    const experts = new Experts(config, { bias: true });
    await fillAll(experts);
    for (const [, param] of experts.namedParameters()) param.unfreeze();
    expect([...experts.namedParameters()].map(([name, { shape }]) => [name, shape]).slice(3)).toEqual([
      ["gate_proj_bias", [4, INNER]],
      ["up_proj_bias", [4, INNER]],
      ["down_proj_bias", [4, HIDDEN]],
    ]);
    const values = (param: Experts["gateProj"], index?: number) => {
      const all = tidy(() => param.weight.parts.map((part) => part.dataSync<"float32">()));
      return index === undefined ? all[0]! : all[index]!;
    };
    const biasAt = (param: Experts["gateProjBias"], index: number) => {
      const size = param!.shape[1]!;
      return [...values(param!).subarray(index * size, (index + 1) * size)];
    };
    const mlp = (x: number[], e: number) => {
      const plus = (a: number[], b: number[]) => a.map((value, i) => value + b[i]!);
      const g = plus(times(rowsOf(values(experts.gateProj, e), [INNER, HIDDEN]), x), biasAt(experts.gateProjBias, e));
      const u = plus(times(rowsOf(values(experts.upProj, e), [INNER, HIDDEN]), x), biasAt(experts.upProjBias, e));
      const inner = g.map((value, i) => mishOf(value) * u[i]!);
      return plus(times(rowsOf(values(experts.downProj, e), [HIDDEN, INNER]), inner), biasAt(experts.downProjBias, e));
    };
    const [first, second] = [mlp([1, -2, 0.5], 2), mlp([1, -2, 0.5], 0)];
    const expected = [
      ...first.map((value, i) => 0.75 * value + 0.25 * second[i]!),
      ...mlp([-0.25, 3, 1], 3).map((value) => 0.5 * value),
    ];
    const got = tidy(() => experts.forward(routed(), strategy).dataSync());
    for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 4);

    // The gradient of a sum with respect to the bias of down: how much each expert counts in all.
    const bias = experts.downProjBias!.vectors;
    const { gradients } = tidy(() =>
      valueAndGradientsOf(() => sum(experts.forward(routed(), strategy)) as Scalar, [bias]),
    );
    const counts = [0.25, 0, 0.75, 0.5].flatMap((count) => new Array<number>(HIDDEN).fill(count));
    for (const [i, value] of gradients[0]!.dataSync().entries()) expect(value).toBeCloseTo(counts[i]!, 5);
    experts.dispose();
  },
);

test("a fused kernel that does not know it is not asked", async () => {
  const experts = new Experts({ ...config, hiddenAct: "silu" }, { gating: clampedSwiglu({ limit: 7, alpha: 1.702 }) });
  expect(experts.gating.name).toBe("clamped_swiglu");
  const own = new Experts(config);
  await fillAll(own);
  const before = expertsRuns().sparse;
  tidy(() => own.forward(routed()));
  expect(expertsRuns().sparse).toBe(before + 1);
  own.dispose();
});

test("names that are taken or unknown, and gatings of two where one is needed, are refused", () => {
  const another = defineActivation({ name: "silu", forward: (x) => x });
  expect(() => registerActivation(another)).toThrow(LayersError);
  expect(registerActivation(mish)).toBe(mish);
  const both = registerActivation(
    defineGating({ name: "plus_glu", gate: (gate, up) => mul(sigmoid(gate), add(up, 1)) }),
  );
  expect(gatingOf("plus_glu")).toBe(both);
  expect(() => activationOf("plus_glu")).toThrow("hidden_act: expected a function of one tensor, got plus_glu");
  expect(() => gatingOf("swiglu")).toThrow('got "swiglu". Register it with registerActivation');
  expectTypeOf(mish.forward).returns.toExtend<Tensor1D | Tensor2D | object>();
});

test("only activations with names are registered", () => {
  const refused = (activation: unknown, synonyms?: unknown) =>
    expect(() => registerActivation(activation as never, synonyms as never));
  for (const nothing of [undefined, {}, { name: " ", gate: mul }]) {
    refused(nothing).toThrow(LayersError);
    refused(nothing).toThrow(
      "registerActivation: expected an activation from defineActivation or defineGating, got something without a name.",
    );
  }
  refused({ name: "half", forward: sigmoid }).toThrow('got "half" without a function gate.');
  refused(mish, "mish2").toThrow('registerActivation: synonyms: expected a list of names, got "mish2".');
  refused(mish, [""]).toThrow(LayersError);
  expect(() => gatingOf("half")).toThrow(LayersError);
});
