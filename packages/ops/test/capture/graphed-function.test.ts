/** Steps where the engine does not record, and what is decided about those of one that does. */

import { add, dispose, mul, scalar, sum, type Tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  collectSideOutputs,
  effect,
  notingEffects,
  type RecordedStep,
  RepeatedStep,
  registerEngine,
  type Step,
  type StepRecorder,
  sideOutput,
  valueAndGradientsOf,
} from "../../src/index.js";
import { ENGINES, useBackend } from "../support/engines.js";

/** Takes a step with a number. @returns what it gave */
function take(step: RepeatedStep, number: number): number {
  const x = tensor1d([number]);
  const y = step.run([x]);
  const [result = NaN] = y.dataSync();
  dispose([x, y]);
  return result;
}

const square: Step = ([x]) => mul(x!, x!);

describe.each(ENGINES)("without a recorder, on %s", (name) => {
  beforeAll(() => useBackend(name));

  test("a step is run each time, and its effects happen once each time", () => {
    let length = 0;
    const f = vi.fn<Step>((inputs) => {
      effect(() => length++);
      return square(inputs);
    });
    const step = new RepeatedStep(f);
    expect([1, 2, 3, 4, 5].map((x) => take(step, x))).toEqual([1, 4, 9, 16, 25]);
    expect([f.mock.calls.length, length]).toEqual([5, 5]);
    expect([step.isSettled, step.obstacle]).toEqual([false, null]);
  });
});

/** Runs a step in which steps are part of it. */
function recorded(step: Step, inputs: readonly Tensor[]): Tensor {
  return notingEffects(
    () => {},
    () => tidy(() => step(inputs)),
  );
}

/** Records a step as its name: what it repeats is told apart from what is run. */
class FakeRecorder implements StepRecorder {
  /** What the next recordings are called; where a name begins with "!", that is the obstacle. */
  names: string[] = [];
  recorded = 0;
  repeated = 0;

  record(step: Step, inputs: readonly Tensor[]): { output: Tensor; step: RecordedStep | string } {
    this.recorded++;
    const output = recorded(step, inputs);
    const name = this.names.shift() ?? "same";
    return { output, step: name.startsWith("!") ? name.slice(1) : new FakeStep(this, name, step) };
  }
}

class FakeStep implements RecordedStep {
  readonly #recorder: FakeRecorder;
  readonly #name: string;
  readonly #step: Step;

  constructor(recorder: FakeRecorder, name: string, step: Step) {
    this.#recorder = recorder;
    this.#name = name;
    this.#step = step;
  }

  equals(other: RecordedStep): boolean {
    return other instanceof FakeStep && other.#name === this.#name;
  }

  repeat(inputs: readonly Tensor[]): Tensor {
    this.#recorder.repeated++;
    return recorded(this.#step, inputs);
  }
}

describe("with a recorder", () => {
  let recorder: FakeRecorder;
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => {
    recorder = new FakeRecorder();
    registerEngine("cpu", { recorder: recorder });
  });

  const counts = (): number[] => [recorder.recorded, recorder.repeated];

  test("a step is repeated once two recordings in a row are the same", () => {
    recorder.names = ["first"];
    const step = new RepeatedStep(square);
    take(step, 1);
    expect([step.isSettled, step.obstacle]).toEqual([false, null]);
    take(step, 2);
    expect([step.isSettled, step.obstacle]).toEqual([false, "it did not do the same twice"]);
    take(step, 3);
    expect([step.isSettled, step.obstacle]).toEqual([true, null]);
    expect([take(step, 4), take(step, 5)]).toEqual([16, 25]);
    expect(counts()).toEqual([3, 2]);
  });

  test("an obstacle between two recordings keeps them apart; after four attempts it is run as it is", () => {
    recorder.names = ["same", "!it looked", "same", "other"];
    const step = new RepeatedStep(square);
    expect([1, 2, 3, 4, 5, 6].map((x) => take(step, x))).toEqual([1, 4, 9, 16, 25, 36]);
    expect(step.isSettled).toBe(false);
    expect(counts()).toEqual([4, 0]);
  });

  test("the last obstacle is told", () => {
    recorder.names = ["!it looked"];
    const step = new RepeatedStep(square);
    take(step, 1);
    expect(step.obstacle).toBe("it looked");
  });

  test("other shapes, dtypes and recorders are recorded anew", () => {
    const step = new RepeatedStep(square);
    for (const x of [1, 2, 3]) take(step, x);
    expect(counts()).toEqual([2, 1]);
    const two = tensor1d([1, 2]);
    dispose([step.run([two]), two]);
    expect([step.isSettled, ...counts()]).toEqual([false, 3, 1]);
    for (const x of [1, 2, 3]) take(step, x);
    expect(counts()).toEqual([5, 2]);
    const later = new FakeRecorder();
    registerEngine("cpu", { recorder: later });
    take(step, 1);
    expect([step.isSettled, later.recorded, ...counts()]).toEqual([false, 1, 5, 2]);
  });

  test("another engine in between makes it forget: what was recorded may be of storage that moved", async () => {
    const step = new RepeatedStep(square);
    for (const x of [1, 2, 3]) take(step, x);
    await useBackend("wasm");
    expect(take(step, 4)).toBe(16);
    expect(step.isSettled).toBe(false);
    await useBackend("cpu");
    expect(take(step, 5)).toBe(25);
    expect(counts()).toEqual([3, 1]);
  });

  test("while a gradient is recorded it is run, and differentiated", () => {
    const f = vi.fn<Step>(square);
    const step = new RepeatedStep(f);
    for (const x of [1, 2, 3]) take(step, x);
    expect(counts()).toEqual([2, 1]);
    const x = tensor1d([3]);
    const calls = f.mock.calls.length;
    const { value, gradients } = valueAndGradientsOf(() => sum(step.run([x])), [x]);
    expect([value.dataSync()[0], gradients[0]!.dataSync()[0]]).toEqual([9, 6]);
    expect(f.mock.calls.length).toBe(calls + 1);
    expect(counts()).toEqual([2, 1]);
    dispose([x, value, gradients[0]!]);
    take(step, 4);
    expect(counts()).toEqual([2, 2]);
  });

  test("for those who collect side outputs it is run", () => {
    const step = new RepeatedStep(([x]) => {
      sideOutput("x", x!);
      return add(x!, scalar(1));
    });
    for (const x of [1, 2, 3]) take(step, x);
    const { result, outputs } = collectSideOutputs(() => take(step, 4));
    expect([result, outputs.length]).toEqual([5, 1]);
    expect(counts()).toEqual([2, 1]);
    dispose(outputs.map(({ tensor }) => tensor));
  });

  test("a step within a step is part of what is recorded", () => {
    const inner = new RepeatedStep(square);
    const outer = new RepeatedStep((inputs) => inner.run(inputs));
    for (const x of [1, 2, 3]) expect(take(outer, x)).toBe(x * x);
    expect(counts()).toEqual([2, 1]);
  });
});
