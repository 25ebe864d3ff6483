/** Steps that are repeated by the addon against the same steps run. */

import {
  AttentionMask,
  attention,
  captureIntermediates,
  createKeyValueStore,
  GraphedFunction,
  hostCallback,
  linear,
  rmsNorm,
  rotary,
  sowIntermediate,
  storageOf,
  type TensorFunction,
} from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import {
  add,
  cast,
  ceil,
  dispose,
  fill,
  gather,
  keep,
  memory,
  mul,
  scalar,
  setBackend,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tensor1d,
  tensor2d,
  tensor3d,
  tensor4d,
  tidy,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

/** Takes a step with each of some numbers. @returns what it gave */
function run(step: GraphedFunction, numbers: readonly number[]): number[] {
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

  const double: TensorFunction = ([x]) => add(mul(x!, weight), x!);

  test("gives what the step gives, and leaves the step alone once two recordings are the same", () => {
    let runs = 0;
    const step = new GraphedFunction((inputs) => {
      runs++;
      return double(inputs);
    });
    const before = memory().numTensors;
    expect(run(step, [1, 2, 3, 4, 5])).toEqual([4, 8, 12, 16, 20]);
    expect(runs).toBe(2);
    expect(step.isCaptured).toBe(true);
    expect(step.graphBreak).toBe(null);
    expect(memory().numTensors).toBe(before);
  });

  test.each([false, true])("rotates by the tables of each step, interleaved: %s", (interleaved) => {
    const x = keep(tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 1, 4]));
    const rotate: TensorFunction = ([cos, sin]) =>
      rotary(x, { cos: cos as Tensor3D, sin: sin as Tensor3D }, { interleaved });
    const step = new GraphedFunction(rotate);
    for (let position = 0; position < 5; position++) {
      const [cos, sin] = [Math.cos, Math.sin].map((f) =>
        tensor3d(
          [1, 0.1, 1, 0.1].map((w) => f(w * position)),
          [1, 1, 4],
        ),
      );
      const [repeated, direct] = [step.run([cos!, sin!]), rotate([cos!, sin!]) as Tensor];
      expect([...repeated.dataSync()]).toEqual([...direct.dataSync()]);
      dispose([cos!, sin!, repeated, direct]);
    }
    expect(step.isCaptured).toBe(true);
    expect(step.graphBreak).toBe(null);
    x.dispose();
  });

  test("what it gave is not written again, and what goes in may be disposed", () => {
    const step = new GraphedFunction(double);
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
    const step = new GraphedFunction((inputs) => {
      hostCallback(() => {
        length += 2;
      });
      return double(inputs);
    });
    run(step, [1, 2, 3, 4]);
    expect([step.isCaptured, length]).toEqual([true, 8]);
  });

  test("a constant that it fills is a part of it", () => {
    const step = new GraphedFunction(([x]) => add(mul(x!, x!), fill([1, 2], 3)));
    expect(run(step, [1, 2, 3, 4, 5, 6])).toEqual([4, 7, 12, 19, 28, 39]);
    expect(step.isCaptured).toBe(true);
  });

  test("another shape is another step", () => {
    const step = new GraphedFunction(double);
    run(step, [1, 2, 3]);
    const x = tensor2d([1, 2, 3, 4], [2, 2]);
    const y = step.run([x]);
    expect([...y.dataSync()]).toEqual([4, 12, 12, 24]);
    expect(step.isCaptured).toBe(false);
    dispose([x, y]);
    expect(run(step, [1, 2, 3])).toEqual([4, 8, 12]);
  });

  test("with a constant that changes, it is run each time, and says so", () => {
    let runs = 0;
    const step = new GraphedFunction(([x]) => mul(x!, scalar(runs++)));
    expect(run(step, [1, 1, 1, 1, 1, 1])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(step.isCaptured).toBe(false);
    expect(step.graphBreak).toBe("it did not do the same twice");
  });

  test.each<[string, TensorFunction]>([
    ["looks at numbers", ([x]) => mul(x!, scalar(x!.dataSync()[0]!))],
    ["has a kernel in JavaScript", ([x]) => mul(x!, ceil(x!))],
  ])("where it %s, it is run each time, and says so", (_, f) => {
    const step = new GraphedFunction(f);
    expect(run(step, [1, 2, 3, 4, 5, 6])).toEqual([1, 4, 9, 16, 25, 36]);
    expect(step.isCaptured).toBe(false);
    expect(step.graphBreak).toBe("numbers that JavaScript reads or writes");
  });

  test("what outlives it is never written", () => {
    const kept: Tensor[] = [];
    const step = new GraphedFunction(([x]) => {
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
    const step = new GraphedFunction(([x]) => rmsNorm(x!, scale, 0));
    run(step, [1, 2, 3]);
    expect(step.isCaptured).toBe(true);
    structuredClone(numbers, { transfer: [numbers.buffer] });
    expect(() => run(step, [4])).toThrow(NativeError);
    scale.dispose();
  });

  test("a weight that was disposed is an error, not a number: what was recorded does not keep it", async () => {
    const values = fromFloat32(Float32Array.of(1, 2, 3, 4), "BF16");
    const matrix = await storageOf().place(viewOfBytes("matrix", "BF16", [2, 2], values), "matrix");
    const step = new GraphedFunction(([x]) => linear(x!, matrix));
    expect(run(step, [1, 2, 3])).toEqual([5, 6, 7]);
    expect(step.isCaptured).toBe(true);
    for (const part of matrix.parts) part.dispose();
    expect(() => run(step, [4])).toThrow("got what was released");
  });

  test("steps that attend to a cache of int8 are captured, and give what runs without a graph gives", () => {
    const numbers = (step: number, rows: number, shift: number) =>
      tensor4d(
        Float32Array.from({ length: rows * 8 }, (_, i) => Math.sin(shift + 8 * rows * step + i)),
        [1, rows, 1, 8],
      );
    const attended = (captures: boolean): number[][] => {
      const store = createKeyValueStore({ kvCacheDtype: "int8" });
      const run = ([q, keys, values]: readonly Tensor[]): Tensor => {
        store.append({ keys: keys as Tensor4D, values: values as Tensor4D });
        const view = store.view();
        const mask = new AttentionMask({ queries: 1, keys: store.length, window: null });
        return attention(q as Tensor4D, view.keys, view.values, mask, 0.3);
      };
      const step = new GraphedFunction(run);
      const rows = Array.from({ length: 300 }, (_, i) =>
        tidy(() => {
          const inputs = [numbers(i, 4, 1), numbers(i, 2, 2), numbers(i, 2, 3)];
          return [...(captures ? step.run(inputs) : run(inputs)).dataSync()];
        }),
      );
      expect([step.isCaptured, store.length]).toEqual([captures, 300]);
      store.dispose();
      return rows;
    };
    expect(attended(true)).toEqual(attended(false));
  });

  test("a step that fails half-way has done what it did: effects are those of the calls that were made", () => {
    const store = createKeyValueStore();
    const table = tensor2d([1, 2, 3], [3, 1]);
    const step = new GraphedFunction(([added, ids]) => {
      store.append({ keys: added as Tensor4D, values: added as Tensor4D });
      const rows = gather(table, ids!);
      hostCallback(() => seen++);
      return rows;
    });
    let seen = 0;
    const take = (id: number): number => {
      const inputs = [tensor4d([id], [1, 1, 1, 1]), tensor1d([id], "int32")];
      try {
        const row = step.run(inputs);
        const [number = NaN] = row.dataSync();
        row.dispose();
        return number;
      } finally {
        dispose(inputs);
      }
    };
    expect([take(0), take(1), take(2), take(1)]).toEqual([1, 2, 3, 2]);
    expect([step.isCaptured, store.length, seen]).toEqual([true, 4, 4]);
    expect(() => take(3)).toThrow(NativeError);
    expect([store.length, seen]).toEqual([5, 4]);
    store.truncate(4);
    expect([take(2), store.length]).toEqual([3, 5]);
    expect([...store.view().keys.dataSync()]).toEqual([0, 1, 2, 1, 2]);
    store.dispose();
    table.dispose();
  });

  test("with another precision it is recorded anew", async () => {
    const values = fromFloat32(Float32Array.of(1, 0, 0, 1), "BF16");
    const matrix = await storageOf().place(viewOfBytes("matrix", "BF16", [2, 2], values), "matrix");
    let runs = 0;
    const step = new GraphedFunction(([x]) => {
      runs++;
      return linear(x!, matrix);
    });
    const fine = 1 + 2 ** -12;
    run(step, [fine, fine, fine]);
    expect(runs).toBe(2);
    registerNative({ precision: "float32" });
    expect(step.isCaptured && runs).toBe(2);
    expect(run(step, [fine, fine, fine])).toEqual([fine, fine, fine]);
    expect(runs).toBe(4);
    registerNative();
    for (const part of matrix.parts) part.dispose();
  });

  test("those who collect side outputs get them at each step", () => {
    const step = new GraphedFunction(([x]) => {
      const y = add(x!, weight);
      sowIntermediate("y", y);
      return mul(y, y);
    });
    expect(run(step, [1, 2, 3])).toEqual([16, 25, 36]);
    expect(step.isCaptured).toBe(true);
    const { result, intermediates } = captureIntermediates(() => run(step, [4]));
    expect(result).toEqual([49]);
    expect(intermediates.map(({ tensor }) => tensor.dataSync()[0])).toEqual([7]);
    dispose(intermediates.map(({ tensor }) => tensor));
    expect(run(step, [5])).toEqual([64]);
  });

  test("numbers that are no words go in and come out, but are not repeated", () => {
    const toBool = new GraphedFunction(([x]) => cast(x!, "bool"));
    expect(run(toBool, [1, 0, 2, 0, 3])).toEqual([1, 0, 1, 0, 1]);
    expect(toBool.isCaptured).toBe(false);
    expect(toBool.graphBreak).toBe("numbers that JavaScript reads or writes");
    const ofBool = new GraphedFunction(([x]) => cast(x!, "float32"));
    const flags = tensor1d([true, false], "bool");
    const { numTensors } = memory();
    for (let i = 0; i < 6; i++) {
      const y = ofBool.run([flags]);
      expect([...y.dataSync()]).toEqual([1, 0]);
      y.dispose();
    }
    expect(memory().numTensors).toBe(numTensors);
    expect(ofBool.graphBreak).toBe("inputs that are neither float32 nor int32");
    flags.dispose();
  });
});
