/** Every op in every way to use it, on every engine: its value, its gradient and its tensors. */

import { fileURLToPath } from "node:url";
import { backend, dispose, memory } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { hasKernel } from "../src/index.js";
import { runCase } from "./support/cases.js";
import { CATALOGUE } from "./support/catalogue.js";
import { expectClose } from "./support/close.js";
import { type Check, type Coverage, manualPage, note, writtenCoverage } from "./support/coverage.js";
import { ENGINES, useBackend } from "./support/engines.js";
import { finiteDifferences, gradientsOfCase, gradientTensors, upstreamOf } from "./support/gradients.js";
import { composed, fusedKernels } from "./support/kernels.js";
import { toTensor, toTensors } from "./support/values.js";

/** Sums of a few products in float32, and tfjs's error function, which is right to 1.5e-7. */
const OF_FORMULA = { absolute: 5e-6, relative: 5e-6 };

/** Sums in float32 against central differences in float64, in parts of the largest gradient, which is near 1 or above. */
const OF_DIFFERENCES = 2e-5;

/** What passed in this run, by engine. */
const passed: Record<string, Coverage> = {};
const fixture = (path: string) => fileURLToPath(new URL(path, import.meta.url));

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));
  const coverage: Coverage = {};
  passed[engine] = coverage;

  describe.each(CATALOGUE)("$op", ({ op, kernel, differentiable, cases }) => {
    const pass = (check: Check) => note(coverage, op, hasKernel(kernel) ? "fused" : "composed", check);

    test.each(cases)("$name: it gives what its formula says, and so does its composition", (one) => {
      const { shape, values } = runCase(one);
      expectClose(values, one.formula(one.inputs), OF_FORMULA);
      const composition = composed(() => {
        expect(fusedKernels()).toEqual([]);
        return runCase(one);
      });
      expectClose(composition.values, one.formula(one.inputs), OF_FORMULA);
      expect(shape).toEqual(composition.shape);
      pass("value");
    });

    test.each(cases)("$name: it makes one tensor, its output", (one) => {
      const tensors = toTensors(one.inputs);
      const { run, release } = one.prepare(tensors);
      // Once before, for what a mask keeps.
      run().dispose();
      const [numTensors, numDataIds] = [memory().numTensors, backend().numDataIds()];
      const y = run();
      expect(memory().numTensors - numTensors).toBe(1);
      y.dispose();
      expect(memory().numTensors).toBe(numTensors);
      expect(backend().numDataIds()).toBe(numDataIds);
      release?.();
      pass("tensors");
    });

    if (!differentiable) return;

    test.each(cases)("$name: its gradient agrees with finite differences", (one) => {
      const upstream = upstreamOf(one);
      const gradients = gradientsOfCase(one, upstream);
      for (const [name, expected] of Object.entries(finiteDifferences(one, upstream))) {
        const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
        expectClose(gradients[name]!, expected, { absolute: OF_DIFFERENCES * largest, relative: 0 });
      }
      pass("differences");
    });

    test.each(cases)("$name: its gradient is that of its composition", (one) => {
      const upstream = upstreamOf(one);
      const gradients = gradientsOfCase(one, upstream);
      const expected = composed(() => gradientsOfCase(one, upstream));
      for (const name in expected) expectClose(gradients[name]!, expected[name]!, { absolute: 1e-5, relative: 1e-5 });
      pass("composition");
    });

    test.each(cases)("$name: a gradient leaves nothing but itself", (one) => {
      const upstream = toTensor(upstreamOf(one));
      const tensors = toTensors(one.inputs);
      const [numTensors, numDataIds] = [memory().numTensors, backend().numDataIds()];
      const gradients = gradientTensors(one, tensors, upstream);
      expect(memory().numTensors - numTensors).toBe(gradients.length);
      dispose(gradients);
      expect(backend().numDataIds()).toBe(numDataIds);
      pass("leaks");
    });
  });

  test("what passed is what is written down of this engine", async () => {
    const written = `${JSON.stringify(coverage, null, 2)}\n`;
    await expect(written).toMatchFileSnapshot(fixture(`__fixtures__/coverage/${engine}.json`));
  });
});

test("the manual says the same", async () => {
  await expect(manualPage({ ...writtenCoverage(), ...passed })).toMatchFileSnapshot(fixture("../../../docs/ops.md"));
});
