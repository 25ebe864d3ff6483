/** Steps that are repeated by the addon against the same steps run. */

import { effect, RepeatedStep, rmsNorm, type Step } from "@mixtape/ops";
import {
  add,
  dispose,
  fill,
  keep,
  memory,
  mul,
  scalar,
  setBackend,
  type Tensor,
  tensor1d,
  tensor2d,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

/** Takes a step with each of some numbers. @returns what it gave */
function run(step: RepeatedStep, numbers: readonly number[]): number[] {
  return numbers.map((number) => {
    const x = tensor2d([number, 2], [1, 2]);
    const y = step.run([x]);
    const [first = NaN] = y.dataSync();
    dispose([x, y]);
    return first;
  });
}

describe.runIf(nativeOrNothing())("a repeated step", () => {
  let weight: Tensor;
  beforeAll(async () => {
    registerNative();
    await setBackend("native");
    weight = keep(tensor1d([3, 5]));
  });
  afterAll(() => weight.dispose());

  const double: Step = ([x]) => add(mul(x!, weight), x!);

  test("gives what the step gives, and leaves the step alone once two recordings are the same", () => {
    let runs = 0;
    const step = new RepeatedStep((inputs) => {
      runs++;
      return double(inputs);
    });
    const before = memory().numTensors;
    expect(run(step, [1, 2, 3, 4, 5])).toEqual([4, 8, 12, 16, 20]);
    expect(runs).toBe(2);
    expect(step.isSettled).toBe(true);
    expect(step.obstacle).toBe(null);
    expect(memory().numTensors).toBe(before);
  });

  test("what it gave is not written again, and what goes in may be disposed", () => {
    const step = new RepeatedStep(double);
    const outputs = [1, 2, 3, 4].map((number) => {
      const x = tensor2d([number, 2], [1, 2]);
      const y = step.run([x]);
      x.dispose();
      return y;
    });
    expect(outputs.map((y) => y.dataSync()[0])).toEqual([4, 8, 12, 16]);
    dispose(outputs);
  });

  test("effects happen each time", () => {
    let length = 0;
    const step = new RepeatedStep((inputs) => {
      effect(() => {
        length += 2;
      });
      return double(inputs);
    });
    run(step, [1, 2, 3, 4]);
    expect([step.isSettled, length]).toEqual([true, 8]);
  });

  test("another shape is another step", () => {
    const step = new RepeatedStep(double);
    run(step, [1, 2, 3]);
    const x = tensor2d([1, 2, 3, 4], [2, 2]);
    const y = step.run([x]);
    expect([...y.dataSync()]).toEqual([4, 12, 12, 24]);
    expect(step.isSettled).toBe(false);
    dispose([x, y]);
    expect(run(step, [1, 2, 3])).toEqual([4, 8, 12]);
  });

  test("with a constant that changes, it is run each time, and says so", () => {
    let runs = 0;
    const step = new RepeatedStep(([x]) => mul(x!, scalar(runs++)));
    expect(run(step, [1, 1, 1, 1, 1, 1])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(step.isSettled).toBe(false);
    expect(step.obstacle).toBe("it did not do the same twice");
  });

  test.each<[string, Step]>([
    ["looks at numbers", ([x]) => mul(x!, scalar(x!.dataSync()[0]!))],
    ["has a kernel in JavaScript", ([x]) => add(mul(x!, x!), fill([1, 2], 0))],
  ])("where it %s, it is run each time, and says so", (_, f) => {
    const step = new RepeatedStep(f);
    expect(run(step, [1, 2, 3, 4, 5, 6])).toEqual([1, 4, 9, 16, 25, 36]);
    expect(step.isSettled).toBe(false);
    expect(step.obstacle).toBe("numbers that JavaScript reads or writes");
  });

  test("what outlives it is never written", () => {
    const kept: Tensor[] = [];
    const step = new RepeatedStep(([x]) => {
      const y = add(x!, weight);
      if (kept.length < 3) kept.push(keep(mul(y, 2)));
      return y;
    });
    run(step, [1, 2, 3, 4, 5, 6]);
    expect(kept.map((y) => y.dataSync()[0])).toEqual([8, 10, 12]);
    dispose(kept);
  });

  test("a weight whose memory is gone is an error, not a crash", () => {
    const numbers = Float32Array.of(2, 2);
    const scale = tensor1d(numbers);
    const step = new RepeatedStep(([x]) => rmsNorm(x!, scale, 0));
    run(step, [1, 2, 3]);
    expect(step.isSettled).toBe(true);
    structuredClone(numbers, { transfer: [numbers.buffer] });
    expect(() => run(step, [4])).toThrow(NativeError);
    scale.dispose();
  });
});
