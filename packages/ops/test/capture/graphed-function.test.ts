/** Functions on engines without graph capture, and the decisions about capture and replay on one that has it. */

import { add, dispose, mul, scalar, sum, type Tensor, tensor1d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CapturedGraph,
  type CaptureResult,
  captureIntermediates,
  type GraphCapture,
  GraphedFunction,
  hostCallback,
  observeHostCallbacks,
  registerEngine,
  sowIntermediate,
  type TensorFunction,
  valueAndGradientsOf,
} from "../../src/index.js";
import { ENGINES, useBackend } from "../support/engines.js";

/** Takes a step with a number. @returns what it gave */
function take(step: GraphedFunction, number: number): number {
  const x = tensor1d([number]);
  const y = step.run([x]);
  const [result = NaN] = y.dataSync();
  dispose([x, y]);
  return result;
}

const square: TensorFunction = ([x]) => mul(x!, x!);

describe.each(ENGINES)("without a capture, on %s", (name) => {
  beforeAll(() => useBackend(name));

  test("a step is run each time, and its effects happen once each time", () => {
    let length = 0;
    const f = vi.fn<TensorFunction>((inputs) => {
      hostCallback(() => length++);
      return square(inputs);
    });
    const step = new GraphedFunction(f);
    expect([1, 2, 3, 4, 5].map((x) => take(step, x))).toEqual([1, 4, 9, 16, 25]);
    expect([f.mock.calls.length, length]).toEqual([5, 5]);
    expect([step.isCaptured, step.graphBreak]).toEqual([false, null]);
  });
});

/** Runs a function as a capture does: functions within are part of it. */
function recorded(step: TensorFunction, inputs: readonly Tensor[]): Tensor {
  return observeHostCallbacks(
    () => {},
    () => tidy(() => step(inputs)),
  );
}

/** Captures a function as a name, and counts captures and replays. */
class FakeCapture implements GraphCapture {
  /** Names of the next captures. One that begins with "!" is a graph break. */
  names: string[] = [];
  recorded = 0;
  repeated = 0;

  capture(step: TensorFunction, inputs: readonly Tensor[]): CaptureResult {
    this.recorded++;
    const output = recorded(step, inputs);
    const name = this.names.shift() ?? "same";
    return { output, graph: name.startsWith("!") ? name.slice(1) : new FakeGraph(this, name, step) };
  }
}

class FakeGraph implements CapturedGraph {
  readonly #capture: FakeCapture;
  readonly #name: string;
  readonly #step: TensorFunction;

  constructor(capture: FakeCapture, name: string, step: TensorFunction) {
    this.#capture = capture;
    this.#name = name;
    this.#step = step;
  }

  equals(other: CapturedGraph): boolean {
    return other instanceof FakeGraph && other.#name === this.#name;
  }

  replay(inputs: readonly Tensor[]): Tensor {
    this.#capture.repeated++;
    return recorded(this.#step, inputs);
  }
}

describe("with a capture", () => {
  let capture: FakeCapture;
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => {
    capture = new FakeCapture();
    registerEngine("cpu", { graphCapture: capture });
  });

  const counts = (): number[] => [capture.recorded, capture.repeated];

  test("a step is repeated once two captures in a row are the same", () => {
    capture.names = ["first"];
    const step = new GraphedFunction(square);
    take(step, 1);
    expect([step.isCaptured, step.graphBreak]).toEqual([false, null]);
    take(step, 2);
    expect([step.isCaptured, step.graphBreak]).toEqual([false, "it did not do the same twice"]);
    take(step, 3);
    expect([step.isCaptured, step.graphBreak]).toEqual([true, null]);
    expect([take(step, 4), take(step, 5)]).toEqual([16, 25]);
    expect(counts()).toEqual([3, 2]);
  });

  test("a graph break between two captures keeps them apart; after four attempts it is run as it is", () => {
    capture.names = ["same", "!it looked", "same", "other"];
    const step = new GraphedFunction(square);
    expect([1, 2, 3, 4, 5, 6].map((x) => take(step, x))).toEqual([1, 4, 9, 16, 25, 36]);
    expect(step.isCaptured).toBe(false);
    expect(counts()).toEqual([4, 0]);
  });

  test("the last graph break is reported", () => {
    capture.names = ["!it looked"];
    const step = new GraphedFunction(square);
    take(step, 1);
    expect(step.graphBreak).toBe("it looked");
  });

  test("other shapes, dtypes and captures are recorded anew", () => {
    const step = new GraphedFunction(square);
    for (const x of [1, 2, 3]) take(step, x);
    expect(counts()).toEqual([2, 1]);
    const two = tensor1d([1, 2]);
    dispose([step.run([two]), two]);
    expect([step.isCaptured, ...counts()]).toEqual([false, 3, 1]);
    for (const x of [1, 2, 3]) take(step, x);
    expect(counts()).toEqual([5, 2]);
    const later = new FakeCapture();
    registerEngine("cpu", { graphCapture: later });
    take(step, 1);
    expect([step.isCaptured, later.recorded, ...counts()]).toEqual([false, 1, 5, 2]);
  });

  test("another engine in between makes it forget: what was recorded may be of storage that moved", async () => {
    const step = new GraphedFunction(square);
    for (const x of [1, 2, 3]) take(step, x);
    await useBackend("wasm");
    expect(take(step, 4)).toBe(16);
    expect(step.isCaptured).toBe(false);
    await useBackend("cpu");
    expect(take(step, 5)).toBe(25);
    expect(counts()).toEqual([3, 1]);
  });

  test("while a gradient is recorded it is run, and differentiated", () => {
    const f = vi.fn<TensorFunction>(square);
    const step = new GraphedFunction(f);
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

  test("for those who capture intermediates it is run", () => {
    const step = new GraphedFunction(([x]) => {
      sowIntermediate("x", x!);
      return add(x!, scalar(1));
    });
    for (const x of [1, 2, 3]) take(step, x);
    const { result, intermediates } = captureIntermediates(() => take(step, 4));
    expect([result, intermediates.length]).toEqual([5, 1]);
    expect(counts()).toEqual([2, 1]);
    dispose(intermediates.map(({ tensor }) => tensor));
  });

  test("a step within a step is part of what is recorded", () => {
    const inner = new GraphedFunction(square);
    const outer = new GraphedFunction((inputs) => inner.run(inputs));
    for (const x of [1, 2, 3]) expect(take(outer, x)).toBe(x * x);
    expect(counts()).toEqual([2, 1]);
  });
});
