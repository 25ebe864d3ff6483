/** How an op finds its fused kernel, and what its gradient is then. */

import {
  backend,
  env,
  grad,
  type KernelFunc,
  memory,
  mul,
  profile,
  registerKernel,
  sum,
  type Tensor,
  tensor1d,
  tensor2d,
  tidy,
  unregisterKernel,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defineOp, gradientsOf, hasKernel, reshape, rmsNorm } from "../../src/index.js";
import { type OpCase, runCase } from "../support/cases.js";
import { CATALOGUE } from "../support/catalogue.js";
import { expectClose, expectTensor } from "../support/close.js";
import { CONTRACTS, type Contract } from "../support/contracts.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { expertsCases } from "../support/experts-cases.js";
import { gradientsOfCase, gradientTensors, upstreamOf } from "../support/gradients.js";
import { composed, withKernel, withStandIn } from "../support/kernels.js";
import { toTensor, toTensors } from "../support/values.js";

/** The cases of every op that lead to its fused kernel where there is one. */
const BY_KERNEL = CONTRACTS.map((contract) => ({
  ...contract,
  cases: contract.op === "experts" ? expertsCases("fused") : casesOf(contract),
  /** The same with a composition: what `fused` refuses to be without a kernel. */
  compositions: contract.op === "experts" ? expertsCases("dense") : casesOf(contract),
}));

/** Those with a gradient come last: the outputs without one have the same. */
function casesOf({ kernel }: Contract): readonly OpCase[] {
  return CATALOGUE.filter((entry) => entry.kernel === kernel).at(-1)!.cases;
}

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  describe.each(BY_KERNEL)(
    "$op asks for $kernel",
    ({ op, kernel, inputs, optional, attributes, outputs, cases, compositions }) => {
      const numbered = cases.map((one, i) => ({ name: one.name, one, composition: compositions[i]! }));

      test.each(numbered)("$name: it runs the kernel once, with what its contract says", ({ one, composition }) => {
        const { shape } = composed(() => runCase(composition));
        const { result, calls } = withStandIn(kernel, shape, () => runCase(one), outputs);
        expect(result.shape).toEqual(shape);
        expect(new Set(result.values)).toEqual(new Set([7]));
        expect(calls).toHaveLength(1);
        expect(calls[0]!.inputs.filter((input) => !optional.includes(input))).toEqual([...inputs].sort());
        expect(Object.keys(calls[0]!.attrs).sort()).toEqual([...attributes].sort());
      });

      test("its optional inputs are given where there are some, and only then", () => {
        const seen = numbered.flatMap(({ one, composition }) => {
          const { shape } = composed(() => runCase(composition));
          const { calls } = withStandIn(kernel, shape, () => runCase(one), outputs);
          return optional.map((input) => `${input}: ${calls[0]!.inputs.includes(input)}`);
        });
        expect([...new Set(seen)].sort()).toEqual(
          optional.flatMap((input) => [`${input}: false`, `${input}: true`]).sort(),
        );
      });

      // Indices have no gradient, and that of grouped products is a grouped product again, which the stand-in would answer.
      if (op === "topKIndices" || op === "groupedMatMul") return;

      test.each(numbered)("$name: its gradient is the composition's, and leaks nothing", ({ one, composition }) => {
        const upstream = composed(() => upstreamOf(composition));
        const expected = composed(() => gradientsOfCase(composition, upstream));
        const { result, calls } = withStandIn(kernel, upstream.shape, () => gradientsOfCase(one, upstream), outputs);
        // On the way back the composition runs: the kernel is asked for once.
        expect(calls).toHaveLength(1);
        for (const input in expected) expectClose(result[input]!, expected[input]!, { absolute: 1e-5, relative: 1e-5 });

        const dy = toTensor(upstream);
        const tensors = toTensors(one.inputs);
        const before = memory().numTensors;
        const found = withStandIn(kernel, upstream.shape, () => gradientTensors(one, tensors, dy), outputs).result;
        expect(memory().numTensors - before).toBe(found.length);
      });
    },
  );
});

describe("an op of one's own", () => {
  beforeAll(() => useBackend("cpu"));

  const run = defineOp({
    kernel: "MixtapeTestOnly",
    compose: ({ x }: { x: Tensor; extra?: Tensor }, { by }: { by: number }) => mul(x, by),
  });

  test("is its composition without a kernel, and keeps none of the tensors in between", () => {
    expect(hasKernel("MixtapeTestOnly")).toBe(false);
    const x = tensor1d([1, 2]);
    const before = memory().numTensors;
    expectTensor(run({ x }, { by: 3 }), { shape: [2], values: [3, 6] });
    expect(memory().numTensors - before).toBe(1);
  });

  test("is its kernel with one", () => {
    const x = tensor1d([1, 2]);
    const { result, calls } = withStandIn("MixtapeTestOnly", [2], () => {
      expect(hasKernel("MixtapeTestOnly")).toBe(true);
      return run({ x, extra: undefined }, { by: 3 });
    });
    expectTensor(result, { shape: [2], values: [7, 7] });
    expect(calls).toEqual([{ inputs: ["x"], attrs: { by: 3 } }]);
  });
});

describe("a kernel of the way back", () => {
  beforeAll(() => useBackend("cpu"));

  const run = defineOp({
    kernel: "TestOnly",
    compose: ({ x, by }: { x: Tensor; by: Tensor }, attrs: { times: number }) => mul(mul(x, by), attrs.times),
  });

  test.each([
    ["gives the gradients that are wanted", true, [7, 70]],
    ["leaves them to the composition where it gives none", false, [15, 150]],
  ])("%s", (_, gives, expected) => {
    const calls: { inputs: string[]; attrs: unknown }[] = [];
    const kernels: Record<string, KernelFunc> = {
      TestOnly: ({ inputs }) => mul(inputs.x as Tensor, 15),
      TestOnlyBack: ({ inputs, attrs }) => {
        calls.push({ inputs: Object.keys(inputs).sort(), attrs });
        return gives ? [mul(inputs.dy0 as Tensor, 7)] : [];
      },
    };
    for (const [kernelName, kernelFunc] of Object.entries(kernels))
      registerKernel({ kernelName, backendName: "cpu", kernelFunc });
    try {
      const [x, by, dy] = [tensor1d([1, 2]), tensor1d([5, 5]), tensor1d([1, 10])];
      const before = memory().numTensors;
      const [gradient] = gradientsOf(() => run({ x, by }, { times: 3 }), [x], dy);
      expectTensor(gradient!, { shape: [2], values: expected });
      expect(memory().numTensors - before).toBe(1);
      expect(calls).toEqual([{ inputs: ["by", "dy0", "x"], attrs: { times: 3, wanted: ["x"] } }]);
    } finally {
      for (const kernelName of Object.keys(kernels)) unregisterKernel(kernelName, "cpu");
    }
  });
});

describe("a kernel runs as tfjs would run it", () => {
  beforeAll(async () => {
    await useBackend("cpu");
    env().set("IS_TEST", false);
  });
  afterAll(() => {
    env().set("IS_TEST", true);
  });

  test("its output is counted, tidied and freed, and shares what an input has", () => {
    const x = tensor1d([1, 2, 3, 4]);
    const before = memory();
    tidy(() => expectTensor(reshape(x, [2, 2]), { shape: [2, 2], values: [1, 2, 3, 4] }));
    expect(memory()).toEqual(before);
    const y = reshape(x, [4, 1]);
    expect([y.dataId === x.dataId, memory().numTensors - before.numTensors]).toEqual([true, 1]);
    expect(memory().numDataBuffers).toBe(before.numDataBuffers);
    x.dispose();
    expectTensor(y, { shape: [4, 1], values: [1, 2, 3, 4] });
    y.dispose();
  });

  test("tf.profile sees it, and so does the search for leaks", async () => {
    const x = tensor1d([3, 4]);
    const scale = tensor1d([1, 1]);
    const run = () => rmsNorm(x, scale, 1e-5);
    const { kernels } = await profile(() => [run(), reshape(x, [1, 2])]);
    expect(kernels.map(({ name }) => name)).toEqual(["MixtapeRmsNorm", "Reshape"]);
    const leaky: KernelFunc = ({ inputs }) => {
      backend().write(new Float32Array(1), [1], "float32");
      return mul(inputs.x as Tensor, 1);
    };
    expect(withKernel("MixtapeRmsNorm", leaky, run).shape).toEqual([2]);
    env().set("IS_TEST", true);
    expect(() => withKernel("MixtapeRmsNorm", leaky, run)).toThrow("internal memory leak");
    env().set("IS_TEST", false);
  });

  test("reshape has a gradient", () => {
    const x = tensor1d([1, 2, 3, 4]);
    const weights = tensor2d([1, 2, 3, 4], [2, 2]);
    const dx = grad((input: Tensor) => sum(mul(reshape(input, [2, 2]), weights)))(x);
    expectTensor(dx, { shape: [4], values: [1, 2, 3, 4] });
  });
});
