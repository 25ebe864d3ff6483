import { currentEngine } from "@mixtape/engine";
import { afterEach, describe, expect, test, vi } from "vitest";
import { onEachEngine, testEngines } from "../src/engines.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("cpu and wasm, unless the environment says otherwise", () => {
  vi.stubEnv("MIXTAPE_TEST_ENGINES", undefined);
  expect(testEngines()).toEqual(["cpu", "wasm"]);
  vi.stubEnv("MIXTAPE_TEST_ENGINES", "tensorflow,cpu");
  expect(testEngines()).toEqual(["tensorflow", "cpu"]);
  vi.stubEnv("MIXTAPE_TEST_ENGINES", "");
  expect(testEngines).toThrow('MIXTAPE_TEST_ENGINES: expected names of engines, got ""');
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
