/** How an op finds its fused kernel, and what its gradient is then. */

import { memory, mul, type Tensor, tensor1d } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { defineOp, hasKernel } from "../src/index.js";
import { runCase } from "./support/cases.js";
import { CATALOGUE } from "./support/catalogue.js";
import { expectClose, expectTensor } from "./support/close.js";
import { CONTRACTS } from "./support/contracts.js";
import { ENGINES, useBackend } from "./support/engines.js";
import { expertsCases } from "./support/experts-cases.js";
import { gradientsOfCase, gradientTensors, upstreamOf } from "./support/gradients.js";
import { composed, withStandIn } from "./support/kernels.js";
import { toTensor, toTensors } from "./support/values.js";

/** The cases of every op that lead to its fused kernel where there is one. */
const BY_KERNEL = CONTRACTS.map((contract) => ({
  ...contract,
  cases: contract.op === "experts" ? expertsCases("fused") : CATALOGUE.find((entry) => entry.op === contract.op)!.cases,
  /** The same with a composition: what `fused` refuses to be without a kernel. */
  compositions:
    contract.op === "experts" ? expertsCases("dense") : CATALOGUE.find((entry) => entry.op === contract.op)!.cases,
}));

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  describe.each(BY_KERNEL)(
    "$op asks for $kernel",
    ({ op, kernel, inputs, optional, attributes, cases, compositions }) => {
      const numbered = cases.map((one, i) => ({ name: one.name, one, composition: compositions[i]! }));

      test.each(numbered)("$name: it runs the kernel once, with what its contract says", ({ one, composition }) => {
        const { shape } = composed(() => runCase(composition));
        const { result, calls } = withStandIn(kernel, shape, () => runCase(one));
        expect(result.shape).toEqual(shape);
        expect(new Set(result.values)).toEqual(new Set([7]));
        expect(calls).toHaveLength(1);
        expect(calls[0]!.inputs.filter((input) => !optional.includes(input))).toEqual([...inputs].sort());
        expect(Object.keys(calls[0]!.attrs).sort()).toEqual([...attributes].sort());
      });

      test("its optional inputs are given where there are some, and only then", () => {
        const seen = numbered.flatMap(({ one, composition }) => {
          const { shape } = composed(() => runCase(composition));
          const { calls } = withStandIn(kernel, shape, () => runCase(one));
          return optional.map((input) => `${input}: ${calls[0]!.inputs.includes(input)}`);
        });
        expect([...new Set(seen)].sort()).toEqual(optional.flatMap((input) => [`${input}: false`, `${input}: true`]));
      });

      // Indices have no gradient.
      if (op === "topKIndices") return;

      test.each(numbered)("$name: its gradient is the composition's, and leaks nothing", ({ one, composition }) => {
        const upstream = composed(() => upstreamOf(composition));
        const expected = composed(() => gradientsOfCase(composition, upstream));
        const { result, calls } = withStandIn(kernel, upstream.shape, () => gradientsOfCase(one, upstream));
        // On the way back the composition runs: the kernel is asked for once.
        expect(calls).toHaveLength(1);
        for (const input in expected) expectClose(result[input]!, expected[input]!, { absolute: 1e-5, relative: 1e-5 });

        const dy = toTensor(upstream);
        const tensors = toTensors(one.inputs);
        const before = memory().numTensors;
        const found = withStandIn(kernel, upstream.shape, () => gradientTensors(one, tensors, dy)).result;
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
