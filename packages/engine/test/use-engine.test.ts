import { getBackend, matMul, memory, type Rank, setBackend, type Tensor, tensor2d } from "@tensorflow/tfjs-core";
import { describe, expect, test, vi } from "vitest";
import { currentEngine, EngineError, type EngineName, listEngines, useEngine } from "../src/index.js";
import { ENGINES, HAS_NATIVE } from "./engines.js";

/** `[[1, 2], [3, 4]] · [[5, 6], [7, 8]]` on the engine in use. */
async function product(): Promise<number[]> {
  const a = tensor2d([1, 2, 3, 4], [2, 2]);
  const b = tensor2d([5, 6, 7, 8], [2, 2]);
  const c: Tensor<Rank> = matMul(a, b);
  const values = [...(await c.data())];
  for (const tensor of [a, b, c]) tensor.dispose();
  return values;
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error("nothing was thrown"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return (error as Error).message;
}

test("before any choice there is no engine", () => {
  expect(() => currentEngine()).toThrow(
    "currentEngine: expected an engine in use, got none. Call await useEngine() first.",
  );
});

describe.each(ENGINES)("%s", (name) => {
  test("multiplies, silently, and leaks nothing", async () => {
    const spies = (["log", "warn", "info", "error"] as const).map((method) => vi.spyOn(console, method));
    const engine = await useEngine(name);
    expect(engine).toMatchObject({ name, backend: name, passedOver: [] });
    expect(getBackend()).toBe(name);
    expect(currentEngine()).toEqual(engine);
    const { numTensors } = memory();
    expect(await product()).toEqual([19, 22, 43, 50]);
    expect(memory().numTensors).toBe(numTensors);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test("says what it is", async () => {
    const { description, memoryLimit } = await useEngine(name);
    const patterns: Record<EngineName, RegExp> = {
      native: /^(AMX and AVX-512|AVX-512|AVX2|NEON|portable C\+\+), \d+ threads?, bfloat16 products$/,
      tensorflow: /^tfjs-node(-gpu)? 4\.\d+\.\d+, libtensorflow 2\.\d+\.\d+, (CPU|GPU)$/,
      webgpu: /^tfjs-backend-webgpu 4\.\d+\.\d+, /,
      wasm: /^tfjs-backend-wasm 4\.\d+\.\d+, SIMD, 1 thread$/,
      cpu: /^tfjs-backend-cpu 4\.\d+\.\d+$/,
    };
    expect(description).toMatch(patterns[name]);
    if (name === "wasm")
      expect(memoryLimit).toMatchObject({ bytes: 4095 * 2 ** 20, why: expect.stringContaining("4 GiB") });
    else expect(memoryLimit).toBeNull();
  });
});

test("tensors move from engine to engine", async () => {
  await useEngine("wasm");
  const x = tensor2d([1, 2, 3, 4], [2, 2]);
  for (const name of [...ENGINES, "wasm"] as const) {
    await useEngine(name);
    const y = matMul(x, x);
    expect([...(await y.data())]).toEqual([7, 10, 15, 22]);
    y.dispose();
  }
  x.dispose();
});

test("choices made at once are carried out in turn", async () => {
  const engines = await Promise.all([useEngine("cpu"), useEngine("wasm"), useEngine("cpu")]);
  expect(engines.map((engine) => engine.backend)).toEqual(["cpu", "wasm", "cpu"]);
  expect(currentEngine().name).toBe("cpu");
  expect(getBackend()).toBe("cpu");
  expect(await product()).toEqual([19, 22, 43, 50]);
});

test("auto takes the first that works, and lists what it passed over", async () => {
  const engine = await useEngine();
  const working = (await listEngines()).filter((status) => status.available && status.name !== "webgpu");
  expect(engine.name).toBe(working[0]?.name);
  const order = ["native", "tensorflow", "wasm"];
  expect(engine.passedOver.map(({ name }) => name)).toEqual(order.slice(0, order.indexOf(engine.name)));
  if (HAS_NATIVE) expect(engine.name).toBe("native");
});

test("listEngines tries all and leaves the one in use", async () => {
  const engine = await useEngine("cpu");
  const statuses = await listEngines();
  expect(statuses.map(({ name }) => name)).toEqual(["native", "tensorflow", "webgpu", "wasm", "cpu"]);
  for (const { name, available, detail, howToGet } of statuses) {
    if (ENGINES.includes(name)) expect(available).toBe(true);
    expect(detail).not.toBe("");
    expect(howToGet).not.toBe("");
  }
  expect(statuses[3]).toMatchObject({ available: true, detail: expect.stringMatching(/^tfjs-backend-wasm/) });
  expect(currentEngine()).toEqual(engine);
  expect(getBackend()).toBe("cpu");
});

test("a backend changed behind our back is noticed", async () => {
  await useEngine("wasm");
  await setBackend("cpu");
  expect(() => currentEngine()).toThrow(
    'currentEngine: expected the backend "wasm", which useEngine set, got "cpu". Change it with useEngine, not with tf.setBackend.',
  );
  await useEngine("wasm");
  expect(currentEngine().name).toBe("wasm");
});

test("an unknown name", async () => {
  expect(await messageOf(useEngine("cuda" as EngineName))).toBe(
    'useEngine: expected one of auto, native, tensorflow, webgpu, wasm, cpu, got "cuda".',
  );
});
