import { currentEngine } from "@mixtape/engine";
import { afterEach, describe, expect, test, vi } from "vitest";
import { longTestEngines, onEachEngine, testEngines, withoutCpu } from "../src/engines.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("native, the others in a long run, all three in a long test, or what the environment says", () => {
  vi.stubEnv("MIXTAPE_TEST_ENGINES", undefined);
  vi.stubEnv("MIXTAPE_TEST_LONG", undefined);
  vi.stubEnv("CI", "true");
  expect(testEngines()).toEqual(["native"]);
  vi.stubEnv("MIXTAPE_TEST_LONG", "1");
  expect(testEngines()).toEqual(["cpu", "wasm"]);
  expect(longTestEngines()).toEqual(["native", "wasm", "cpu"]);
  expect(withoutCpu(longTestEngines())).toEqual(["native", "wasm"]);
  expect(withoutCpu(["cpu"])).toEqual(["cpu"]);
  vi.stubEnv("MIXTAPE_TEST_ENGINES", "tensorflow,cpu");
  expect(testEngines()).toEqual(["tensorflow", "cpu"]);
  expect(longTestEngines()).toEqual(["tensorflow", "cpu"]);
  vi.stubEnv("MIXTAPE_TEST_ENGINES", "");
  expect(testEngines).toThrow('MIXTAPE_TEST_ENGINES: expected names of engines, got ""');
});

test("native is left out where it was not built, but never in CI, and never without a word", async () => {
  vi.stubEnv("MIXTAPE_TEST_ENGINES", undefined);
  vi.stubEnv("MIXTAPE_TEST_LONG", undefined);
  vi.doMock("@mixtape/native", () => ({
    registerNative() {
      throw new Error("no binary");
    },
  }));
  vi.resetModules();
  const { testEngines } = await import("../src/engines.js");
  vi.stubEnv("CI", "true");
  expect(testEngines()).toEqual(["native"]);
  vi.stubEnv("CI", undefined);
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  expect(testEngines()).toEqual(["wasm"]);
  expect(warn).toHaveBeenCalledWith("Not tested here: the engine native.", new Error("no binary"));
  vi.doUnmock("@mixtape/native");
});

describe("each engine is in use while its tests run", () => {
  const ran: string[] = [];
  onEachEngine(
    (engine) => {
      test("its test", () => {
        expect(currentEngine().name).toBe(engine);
        ran.push(engine);
      });
    },
    ["wasm", "cpu"],
  );

  test("all ran, in order", () => {
    expect(ran).toEqual(["wasm", "cpu"]);
  });
});
