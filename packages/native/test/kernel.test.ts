/** Kernels that throw. */

import { embedding, storageOf } from "@mixtape/ops";
import { fromFloat32, viewOfBytes } from "@mixtape/safetensors";
import { engine, gather, memory, setBackend, tensor1d, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import type { NativeBackend } from "../src/backend.js";
import { NativeError, registerNative } from "../src/index.js";
import { nativeOrNothing } from "./support/native.js";

describe.runIf(nativeOrNothing())("a kernel that throws", () => {
  beforeAll(async () => {
    registerNative();
    await setBackend("native");
  });

  /** Whatever tensors lie on, those that tfjs knows and those that it does not. */
  const held = (): number[] => [memory().numTensors, memory().numDataBuffers, engine().backend.numDataIds()];

  test("leaves nothing behind that it had made, when the addon throws", async () => {
    const bytes = fromFloat32(Float32Array.of(1, 2, 3, 4), "BF16");
    const table = await storageOf().place(viewOfBytes("table", "BF16", [2, 2], bytes), "table");
    const ids = tensor1d([0, 2], "int32");
    const before = held();
    for (let i = 0; i < 3; i++) expect(() => tidy(() => embedding(ids, table))).toThrow(NativeError);
    expect(held()).toEqual(before);
    for (const part of table.parts) part.dispose();
    ids.dispose();
  });

  test("one of tfjs's operations neither", () => {
    const x = tensor2d([1, 2, 3, 4], [2, 2]);
    const ids = tensor1d([0, 2], "int32");
    const before = held();
    expect(() => tidy(() => gather(x, ids))).toThrow();
    expect(held()).toEqual(before);
    x.dispose();
    ids.dispose();
  });

  test("a kernel in a kernel takes only what is its own; what it made before it throws is what goes", () => {
    const backend = engine().backend as NativeBackend;
    const before = backend.numDataIds();
    const { kept, caught } = backend.runKernel(() => {
      const kept = backend.output([2]);
      let caught: unknown;
      try {
        backend.runKernel(() => {
          backend.output([3]);
          throw new Error("inner");
        });
      } catch (error) {
        caught = error;
      }
      return { kept, caught };
    });
    expect(caught).toEqual(new Error("inner"));
    expect(backend.numDataIds()).toBe(before + 1);
    backend.disposeData(kept.dataId);
    expect(() =>
      backend.runKernel(() => {
        const gone = backend.output([2]);
        backend.disposeData(gone.dataId);
        backend.output([2]);
        throw new Error("outer");
      }),
    ).toThrow("outer");
    expect(backend.numDataIds()).toBe(before);
  });
});
