import { grad, memory, type Tensor1D, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { ACTIVATIONS, activate } from "../../src/index.js";
import { expectClose } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { gate } from "../support/reference.js";
import { floats, toTensor } from "../support/values.js";

const X = floats([-20, -3, -1, -0.5, -0.25, 0.25, 0.5, 1, 3, 20]);
const ONES = new Float32Array(X.values.length).fill(1);
/** tfjs's error function is right to 1.5e-7. */
const TOLERANCE = { absolute: 2e-6, relative: 2e-6 };

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each(ACTIVATIONS)("$name", (activation) => {
    const x = toTensor(X) as Tensor1D;
    const before = memory().numTensors;
    const y = activate(x, activation);
    expect(memory().numTensors - before).toBe(1);
    expectClose(y.dataSync(), gate(X.values, ONES, activation), TOLERANCE);
    y.dispose();

    const step = 1e-5;
    const [right, left] = [step, -step].map((by) =>
      gate(
        Float64Array.from(X.values, (value) => value + by),
        ONES,
        activation,
      ),
    );
    const slopes = right!.map((value, i) => (value - left![i]!) / (2 * step));
    tidy(() =>
      expectClose(grad((input) => activate(input, activation))(x).dataSync(), slopes, { absolute: 5e-6, relative: 0 }),
    );
  });
});
