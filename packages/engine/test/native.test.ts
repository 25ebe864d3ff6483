import { type NativeInfo, registerNative } from "@mixtape/native";
import { add, getBackend, memory, tensor1d } from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { currentEngine, EngineError, listEngines, useEngine } from "../src/index.js";
import { HAS_NATIVE } from "./engines.js";

afterEach(() => {
  vi.doUnmock("@mixtape/native");
  vi.doUnmock("#platform");
  vi.resetModules();
});

describe.runIf(HAS_NATIVE)("where its binary loads", () => {
  test("it is the automatic choice", async () => {
    expect(await useEngine()).toMatchObject({ name: "native", backend: "native", passedOver: [], memoryLimit: null });
    expect(getBackend()).toBe("native");
  });

  test("its description says the number of threads that was asked for", async () => {
    expect((await useEngine("native", { threads: 1 })).description).toMatch(/, 1 thread, bfloat16 products$/);
    expect((await useEngine("auto", { threads: 2 })).description).toMatch(/, 2 threads, bfloat16 products$/);
  });

  test("options that are left out have their defaults, whatever was set before", async () => {
    const usual = (await useEngine("native")).description;
    await useEngine("native", { threads: 3 });
    expect((await useEngine("native")).description).toBe(usual);
  });

  test("its precision may change while tensors live on it", async () => {
    await useEngine("native");
    const x = tensor1d([1, 2, 3]);
    expect((await useEngine("native", { precision: "float32" })).description).toMatch(/, float32 products$/);
    expect((await useEngine("native")).description).toMatch(/, bfloat16 products$/);
    expect([...x.dataSync()]).toEqual([1, 2, 3]);
    x.dispose();
  });

  test("precision and mmap reach it", async () => {
    const given: unknown[] = [];
    vi.doMock("@mixtape/native", () => ({
      registerNative(options: object): NativeInfo {
        given.push(options);
        return registerNative(options);
      },
    }));
    vi.resetModules();
    const { native } = await import("../src/engines/native.js");
    await native.prepare({ threads: 1, precision: "float32", mmap: false, wasmPath: "x" });
    expect(given).toEqual([{ threads: 1, precision: "float32", mmap: false }]);
  });

  test("listing the engines leaves its options", async () => {
    const { description } = await useEngine("native", { threads: 1 });
    const [first] = await listEngines();
    expect(first).toMatchObject({ name: "native", available: true, detail: description });
    expect(currentEngine().description).toBe(description);
  });

  test("tensors move to it and away from it", async () => {
    await useEngine("cpu");
    const { numTensors } = memory();
    const x = tensor1d([1, 2, 3]);
    await useEngine("native");
    const y = add(x, x);
    await useEngine("wasm");
    const z = add(y, x);
    expect([...z.dataSync()]).toEqual([3, 6, 9]);
    for (const one of [x, y, z]) one.dispose();
    expect(memory().numTensors).toBe(numTensors);
  });
});

describe("where its binary does not load", () => {
  test("chosen by name: the reason, what there is, and how to get it", async () => {
    vi.doMock("@mixtape/native", () => ({
      registerNative() {
        throw new Error("native: expected a binary for sparc, got none.");
      },
    }));
    vi.resetModules();
    const { useEngine } = await import("../src/index.js");
    await useEngine("wasm");
    await expect(useEngine("native")).rejects.toThrow(
      /^engine "native": expected an engine that works here, got native: expected a binary for sparc, got none\. To get it: .*\. These work here: wasm \(.*\); cpu \(.*\)\.$/,
    );
    expect(getBackend()).toBe("wasm");
    const { name, passedOver } = await useEngine();
    expect(name).not.toBe("native");
    expect(passedOver[0]).toEqual({ name: "native", reason: "native: expected a binary for sparc, got none" });
  });
});

test.each(["native", "auto"] as const)(
  "a wrong option is an error, not a reason to take another engine: %s",
  async (name) => {
    for (const threads of [0, 1.5, Number.NaN, "2" as unknown as number])
      await expect(useEngine(name, { threads })).rejects.toThrow(
        `the option threads: expected a whole number from 1 to 1024, got ${JSON.stringify(threads)}.`,
      );
    const error = await useEngine(name, { precision: "float16" as "float32" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toHaveProperty("message", 'the option precision: expected "bfloat16" or "float32", got "float16".');
  },
);

test("in a browser it is not tried, and says so when asked for", async () => {
  vi.doMock("#platform", () => import("../src/platform/browser.js"));
  vi.resetModules();
  const { native } = await import("../src/engines/native.js");
  expect(native.automatic()).toBe(false);
  await expect(native.prepare({})).rejects.toThrow("it runs in Node only");
});
