/** Tensors that leave a forward pass beside its result. */

import { add, dispose, memory, mul, type Scalar, sum, type Tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { captureIntermediates, gradientCheckpoint, sowIntermediate, valueAndGradientsOf } from "../../src/index.js";
import { ENGINES, useBackend } from "../support/engines.js";

describe.each(ENGINES)("on %s", (name) => {
  beforeAll(() => useBackend(name));

  /** `x³`, which hands `x²` out on its way. */
  const cube = (x: Tensor): Tensor =>
    tidy(() => {
      const squared = mul(x, x);
      sowIntermediate("square", squared);
      return mul(squared, x);
    });

  /** The sum of `x³`, and three times that of the `x²` that were handed out. */
  const loss = (run: (x: Tensor) => Tensor, x: Tensor): Scalar =>
    tidy(() => {
      const { result, intermediates } = captureIntermediates(() => run(x));
      expect(intermediates.map(({ from }) => from)).toEqual(["square"]);
      const total = add(sum(result), mul(sum(intermediates[0]!.tensor), 3)) as Scalar;
      dispose(intermediates.map(({ tensor }) => tensor));
      return total;
    });

  test.each<[string, (x: Tensor) => Tensor]>([
    ["as it is", cube],
    ["checkpointed", (x) => gradientCheckpoint(([y]) => [cube(y!)], [x])[0]!],
    ["in two checkpoints", (x) => gradientCheckpoint(([y]) => gradientCheckpoint(([z]) => [cube(z!)], [y!]), [x])[0]!],
  ])("a loss has its gradient by them: %s", async (_, run) => {
    const x = tensor1d([1, -2, 3]);
    const before = memory().numTensors;
    const { value, gradients } = valueAndGradientsOf(() => loss(run, x), [x]);
    expect(await value.data()).toEqual(Float32Array.of(20 + 42));
    expect(await gradients[0]!.data()).toEqual(Float32Array.of(3 + 6, 12 - 12, 27 + 18));
    dispose([value, gradients[0]!]);
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });

  test("nothing is kept where nobody collects them, nor of a pass that fails", () => {
    const x = tensor1d([1, 2]);
    const before = memory().numTensors;
    cube(x).dispose();
    const failing = () => {
      sowIntermediate(0, x);
      throw new RangeError("later");
    };
    expect(() => captureIntermediates(failing)).toThrow(RangeError);
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });
});
