/** Kernels that are queued and computed on another thread, against the same kernels called. */

import { embedding, linear, rmsNorm, runDeferred, storageOf, type Weight } from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import {
  add,
  cast,
  dispose,
  keep,
  memory,
  mul,
  setBackend,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  tensor2d,
  tidy,
} from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

const SIZE = 96;
const numbers = (count: number, step: number) =>
  Float32Array.from({ length: count }, (_, i) => ((i * step) % 17) / 8 - 1);

describe.runIf(nativeOrNothing())("queued kernels", () => {
  let weight: Weight;
  let scale: Tensor1D;
  beforeAll(async () => {
    registerNative({ precision: "float32" });
    await setBackend("native");
    const bytes = fromFloat32(numbers(SIZE * SIZE, 5), "F32");
    weight = await storageOf().place(viewOfBytes("w", "F32", [SIZE, SIZE], bytes), "matrix");
    scale = keep(tensor1d(numbers(SIZE, 3)));
  });
  afterAll(() => dispose([...weight.parts, scale]));

  /** Layers after one another, whose arrays are released and used again in between. */
  const layers = (x: Tensor2D, count: number): Tensor2D =>
    tidy(() => {
      let y = x;
      for (let i = 0; i < count; i++) y = add(rmsNorm(linear(y, weight), scale, 1e-5), mul(y, 0.5)) as Tensor2D;
      return y;
    });

  test("give the same numbers, and free the same tensors", async () => {
    const x = tensor2d(numbers(4 * SIZE, 7), [4, SIZE]);
    const expected = tidy(() => layers(x, 6).dataSync().slice());
    const before = memory().numTensors;
    for (let round = 0; round < 3; round++) {
      const y = await runDeferred(() => layers(x, 6));
      expect(y.dataSync()).toEqual(expected);
      y.dispose();
    }
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });

  test("are computed where JavaScript reads a number in between", async () => {
    const x = tensor2d(numbers(4 * SIZE, 7), [4, SIZE]);
    const step = () =>
      tidy(() => {
        const a = layers(x, 2);
        const [first = 0] = a.dataSync();
        // A kernel of tfjs's own, in JavaScript.
        return add(mul(layers(a, 2), first), cast(cast(a, "int32"), "float32")) as Tensor2D;
      });
    const expected = tidy(() => step().dataSync().slice());
    const y = await runDeferred(step);
    expect(y.dataSync()).toEqual(expected);
    dispose([x, y]);
  });

  test("of several callers are computed in turns, others in between", async () => {
    const x = tensor2d(numbers(4 * SIZE, 7), [4, SIZE]);
    const expected = [1, 2, 3, 4].map((count) => tidy(() => layers(x, count).dataSync().slice()));
    const running = [1, 2, 3].map((count) => runDeferred(() => layers(x, count)));
    const own = layers(x, 4);
    expect(own.dataSync()).toEqual(expected[3]);
    const results = await Promise.all(running);
    for (const [i, y] of results.entries()) expect(y.dataSync()).toEqual(expected[i]);
    dispose([x, own, ...results]);
  });

  test("leave JavaScript free, and end when they are aborted", async () => {
    const x = tensor2d(numbers(256 * SIZE, 7), [256, SIZE]);
    const before = memory().numTensors;
    const abort = new AbortController();
    // Far more work than a turn of the event loop takes.
    const running = runDeferred(() => layers(x, 1000), abort.signal);
    setImmediate(() => abort.abort(new Error("enough")));
    await expect(running).rejects.toThrow("enough");
    expect(memory().numTensors).toBe(before);
    const y = await runDeferred(() => layers(x, 1));
    expect(y.shape).toEqual([256, SIZE]);
    dispose([x, y]);
  });

  test("that wait for others end at once when they are aborted", async () => {
    const x = tensor2d(numbers(256 * SIZE, 7), [256, SIZE]);
    const before = memory().numTensors;
    const [first, second] = [new AbortController(), new AbortController()];
    const running = runDeferred(() => layers(x, 1000), first.signal);
    const waiting = runDeferred(() => layers(x, 2), second.signal);
    second.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    first.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });

  test("of a function that throws are forgotten", async () => {
    const x = tensor2d(numbers(4 * SIZE, 7), [4, SIZE]);
    const before = memory().numTensors;
    const failing = runDeferred(() =>
      tidy(() => {
        layers(x, 1);
        throw new Error("wrong");
      }),
    );
    await expect(failing).rejects.toThrow("wrong");
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });

  test("keep the weights that they need", async () => {
    const x = tensor2d(numbers(256 * SIZE, 7), [256, SIZE]);
    const bytes = fromFloat32(numbers(SIZE * SIZE, 5), "F32");
    const own = await storageOf().place(viewOfBytes("w", "F32", [SIZE, SIZE], bytes), "matrix");
    const expected = tidy(() => linear(x, own).dataSync().slice());
    // Nothing of the second queue is computed before the first one ends.
    const abort = new AbortController();
    const first = runDeferred(() => layers(x, 1000), abort.signal);
    const second = runDeferred(() => linear(x, own));
    dispose([...own.parts]);
    abort.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    const y = await second;
    expect(y.dataSync()).toEqual(expected);
    dispose([x, y]);
  });

  test("that fail reject with the error of the call", async () => {
    const x = tensor2d(numbers(4 * SIZE, 7), [4, SIZE]);
    const before = memory().numTensors;
    const ids = tensor1d([0, SIZE], "int32");
    const running = runDeferred(() => tidy(() => embedding(ids, weight)));
    await expect(running).rejects.toThrow(NativeError);
    dispose(ids);
    expect(memory().numTensors).toBe(before);
    x.dispose();
  });
});
