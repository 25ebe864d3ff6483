import { type EngineName, useEngine } from "@mixtape/engine";
import { registerNative } from "@mixtape/native";
import { beforeAll, describe } from "vitest";

/**
 * The engines that tests run on: those in `MIXTAPE_TEST_ENGINES`, separated by commas, or cpu, wasm and native. Where
 * nobody waits for a verdict, outside of CI, native is left out if it was not built here, which is told.
 */
export function testEngines(): EngineName[] {
  const { MIXTAPE_TEST_ENGINES: given } = process.env;
  const names = given?.split(",").filter((name) => name !== "") ?? ["cpu", "wasm", ...nativeIfBuilt()];
  if (names.length === 0) throw new Error('MIXTAPE_TEST_ENGINES: expected names of engines, got ""');
  // A name that is none of them is refused by useEngine.
  return names as EngineName[];
}

/** Declares tests once per engine, which is in use while they run. */
export function onEachEngine(body: (engine: EngineName) => void, engines: readonly EngineName[] = testEngines()): void {
  describe.each(engines)("%s", (engine) => {
    beforeAll(async () => {
      await useEngine(engine);
    });
    body(engine);
  });
}

function nativeIfBuilt(): EngineName[] {
  // There its tests fail, with the reason.
  if (process.env.CI) return ["native"];
  try {
    registerNative();
    return ["native"];
  } catch (error) {
    console.warn("Not tested here: the engine native.", error);
    return [];
  }
}
