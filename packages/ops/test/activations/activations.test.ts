import {
  grad,
  memory,
  mul,
  reshape,
  sigmoid,
  sum,
  type Tensor,
  type Tensor1D,
  tensor1d,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { ACTIVATIONS, activate, gate as applyGate, defineActivation, defineGating, OpsError } from "../../src/index.js";
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

/** Runs code, and returns the message of the OpsError that it throws. */
function refusal(code: () => unknown): string {
  try {
    code();
  } catch (error) {
    expect(error).toBeInstanceOf(OpsError);
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
}

const swish = (x: Tensor) => mul(x, sigmoid(x));
const swishOf = (x: number) => x / (1 + Math.exp(-x));

describe("a definition of the caller's", () => {
  beforeAll(() => useBackend("cpu"));

  test.each([
    [undefined, "defineActivation: expected an object with name and forward, got undefined."],
    [{ name: "mine" }, "defineActivation: forward: expected a function of tensors, got undefined."],
    [{ name: " ", forward: swish }, 'defineActivation: name: expected a name, such as that in hidden_act, got " ".'],
    [
      { name: "mine", forward: swish, scalar: 1 },
      "scalar: expected a function of numbers, got a value of type number.",
    ],
    [{ name: "mine", forward: swish, kernel: {} }, "kernel: expected an object with the id of a kernel"],
  ])("needs its parts: %o", (parts, message) => {
    expect(refusal(() => defineActivation(parts as never))).toContain(message);
    const gating = parts && { ...parts, ...("forward" in parts && { gate: mul }) };
    const renamed = message.replace("defineActivation", "defineGating").replace("forward", "gate");
    expect(refusal(() => defineGating(gating as never))).toContain(renamed);
  });

  test("has a kernel of its own formula", () => {
    const silu = { name: "mine", forward: swish, kernel: { id: "silu" } };
    expect(defineActivation({ ...silu, scalar: swishOf }).kernel).toEqual({ id: "silu" });
    expect(refusal(() => defineActivation({ ...silu, scalar: (x) => Math.max(x, 0) }))).toMatch(
      /^activation "mine": kernel: expected a kernel of the formula of scalar, 0 for gate -10 and up -10, got silu, 0\.0045/,
    );
    expect(refusal(() => defineActivation(silu))).toContain("expected a scalar to compare with silu, got no scalar");
    const clamped = { id: "clamped_swiglu", parameters: { limit: 7 } };
    expect(refusal(() => defineActivation({ ...silu, kernel: clamped }))).toContain("alpha undefined");
    expect(defineActivation({ ...silu, kernel: { id: "of another engine" } }).name).toBe("mine");
  });

  test("has a scalar that agrees with its formula of tensors", () => {
    const x = toTensor(X);
    const [right, wrong] = [swishOf, Math.tanh].map((scalar) =>
      defineActivation({ name: "mine", forward: swish, scalar }),
    );
    const before = memory().numTensors;
    applyGate(x, x, right!).dispose();
    for (let i = 0; i < 2; i++)
      expect(refusal(() => applyGate(x, x, wrong!))).toMatch(
        /^activation "mine": scalar: expected \S+ for gate -10 and up -10, as from the formula of tensors, got 9\.99/,
      );
    expect(memory().numTensors).toBe(before);
  });

  test("returns a tensor of its input's shape", () => {
    const x = tensor1d([1, 2]);
    const before = memory().numTensors;
    const results: [(x: Tensor) => unknown, string][] = [
      [(y) => sum(y), "[]"],
      [(y) => reshape(y, [2, 1]), "[2,1]"],
      [() => undefined, "undefined"],
      [async () => {}, "a Promise"],
      [() => [1, 2], "an array"],
    ];
    for (const [forward, got] of results) {
      const mine = defineActivation({ name: "mine", forward: forward as never });
      const message = `activation "mine": expected a tensor of the input's shape, [2], got ${got}.`;
      expect(refusal(() => activate(x, mine))).toContain(message);
      expect(refusal(() => applyGate(x, x, mine))).toContain(message);
      const both = defineGating({ name: "both", gate: forward as never });
      expect(refusal(() => tidy(() => applyGate(x, x, both)))).toContain(`got ${got}.`);
    }
    expect(refusal(() => activate(x, { name: "mine" } as never))).toContain("expected an activation");
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });
});
