/** Every op in every way to use it, on every engine: its value, its gradient and its tensors. */

import { memory } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { runCase } from "./support/cases.js";
import { CATALOGUE } from "./support/catalogue.js";
import { expectClose } from "./support/close.js";
import { ENGINES, useBackend } from "./support/engines.js";
import { finiteDifferences, gradientsOfCase, gradientTensors, upstreamOf } from "./support/gradients.js";
import { composed, fusedKernels } from "./support/kernels.js";
import { toTensor, toTensors } from "./support/values.js";

/**
 * Central differences of a float32 output: of rounding, 1e-7 of the output over a step of 1/64; of curvature, 1e-5. Both in
 * parts of the largest gradient, which is near 1 or above.
 */
const OF_DIFFERENCES = 1e-3;

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  describe.each(CATALOGUE)("$op", ({ differentiable, cases }) => {
    test.each(cases)("$name: the op as it runs here equals its composition", (one) => {
      const { shape, values } = runCase(one);
      const expected = composed(() => {
        expect(fusedKernels()).toEqual([]);
        return runCase(one);
      });
      expect(shape).toEqual(expected.shape);
      if (differentiable) expectClose(values, expected.values);
      else expect(values).toEqual(expected.values);
    });

    test.each(cases)("$name: it makes one tensor, its output", (one) => {
      const tensors = toTensors(one.inputs);
      const { run, release } = one.prepare(tensors);
      // Once before, for what a mask keeps.
      run().dispose();
      const prepared = memory();
      const y = run();
      expect(memory().numTensors - prepared.numTensors).toBe(1);
      y.dispose();
      expect(memory().numTensors).toBe(prepared.numTensors);
      release?.();
    });

    if (!differentiable) return;

    test.each(cases)("$name: its gradient agrees with finite differences", (one) => {
      const upstream = upstreamOf(one);
      const gradients = gradientsOfCase(one, upstream);
      for (const [name, expected] of Object.entries(finiteDifferences(one, upstream))) {
        const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
        expectClose(gradients[name]!, expected, { absolute: OF_DIFFERENCES * largest, relative: 0 });
      }
    });

    test.each(cases)("$name: its gradient is that of its composition", (one) => {
      const upstream = upstreamOf(one);
      const gradients = gradientsOfCase(one, upstream);
      const expected = composed(() => gradientsOfCase(one, upstream));
      for (const name in expected) expectClose(gradients[name]!, expected[name]!, { absolute: 1e-5, relative: 1e-5 });
    });

    test.each(cases)("$name: a gradient leaves nothing but itself", (one) => {
      const upstream = toTensor(upstreamOf(one));
      const tensors = toTensors(one.inputs);
      const before = memory().numTensors;
      const gradients = gradientTensors(one, tensors, upstream);
      expect(memory().numTensors - before).toBe(gradients.length);
    });
  });
});
