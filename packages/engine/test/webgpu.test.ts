import { afterEach, describe, expect, test, vi } from "vitest";
import { findSource, SOURCES } from "../src/engines/sources.js";
import { EngineError, useEngine } from "../src/index.js";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
  vi.doUnmock("#platform");
});

/** `navigator.gpu` with this adapter. */
function stubAdapter(adapter: object | null): void {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => adapter } });
}

describe("in Node", () => {
  test("without the webgpu package: the reason and the way out", async () => {
    vi.stubGlobal("navigator", {});
    await expect(useEngine("webgpu")).rejects.toThrow(
      /^engine "webgpu": expected an engine that works here, got Node has no navigator\.gpu, and the webgpu package is not installed\. To get it: npm install webgpu/,
    );
  });

  test("a GPU without adapter", async () => {
    stubAdapter(null);
    const error = await useEngine("webgpu").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).got).toBe("WebGPU found no adapter");
  });

  test("only by name, never automatically", async () => {
    stubAdapter({ info: { vendor: "acme" } });
    expect(await findSource("webgpu")?.automatic()).toBe(false);
  });
});

describe("in a browser", () => {
  test.each([
    ["hardware", { info: { vendor: "acme", isFallbackAdapter: false } }, true],
    ["software", { info: { vendor: "acme", isFallbackAdapter: true } }, false],
    ["software, as older browsers say it", { isFallbackAdapter: true }, false],
    ["no", null, false],
  ])("%s adapter", async (_, adapter, automatic) => {
    vi.doMock("#platform", () => import("../src/platform/browser.js"));
    vi.resetModules();
    const { webgpu } = await import("../src/engines/webgpu.js");
    stubAdapter(adapter);
    expect(await webgpu.automatic()).toBe(automatic);
  });

  test("without navigator.gpu", async () => {
    vi.doMock("#platform", () => import("../src/platform/browser.js"));
    vi.resetModules();
    const { webgpu } = await import("../src/engines/webgpu.js");
    const { tensorflow } = await import("../src/engines/tensorflow.js");
    vi.stubGlobal("navigator", undefined);
    expect(await webgpu.automatic()).toBe(false);
    await expect(webgpu.prepare({})).rejects.toThrow("there is no navigator.gpu here");
    await expect(tensorflow.prepare({})).rejects.toThrow("it runs in Node only");
  });
});

test("the order of the automatic choice", () => {
  expect(SOURCES.map(({ name }) => name)).toEqual(["native", "tensorflow", "webgpu", "wasm", "cpu"]);
});
