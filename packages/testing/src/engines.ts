import { type EngineName, useEngine } from "@mixtape/engine";
import { beforeAll, describe } from "vitest";

/** The engines that tests run on: those in `MIXTAPE_TEST_ENGINES`, separated by commas, or cpu and wasm. */
export function testEngines(): EngineName[] {
  const { MIXTAPE_TEST_ENGINES: given } = process.env;
  const names = given === undefined ? ["cpu", "wasm"] : given.split(",").filter((name) => name !== "");
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
