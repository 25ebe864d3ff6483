import { type EngineName, type EngineOptions, useEngine } from "@mixtape/engine";
import { registerNative } from "@mixtape/native";
import { beforeAll, describe } from "vitest";

/**
 * Returns the engines that tests run on: those in `MIXTAPE_TEST_ENGINES`, separated by commas; in `npm run test:long`
 * cpu, wasm and native; otherwise only native, the fastest. Outside of CI, if native was not built, a warning says so
 * and wasm replaces it.
 */
export function testEngines(): EngineName[] {
  const { MIXTAPE_TEST_ENGINES: given, MIXTAPE_TEST_LONG: long } = process.env;
  const names = given?.split(",").filter((name) => name !== "") ?? defaults(Boolean(long));
  if (names.length === 0) throw new Error('MIXTAPE_TEST_ENGINES: expected names of engines, got ""');
  // useEngine refuses an unknown name.
  return names as EngineName[];
}

/** Limit of a test, for what hangs. vitest's own, 5 s, is less than a gradient takes on a slow machine. */
const TIMEOUT_MS = 600_000;

/** Declares tests once per engine, which is current while they run. */
export function onEachEngine(body: (engine: EngineName) => void, engines: readonly EngineName[] = testEngines()): void {
  describe.each(engines)("%s", { timeout: TIMEOUT_MS }, (engine) => {
    beforeAll(async () => {
      await useTestEngine(engine);
    }, TIMEOUT_MS);
    body(engine);
  });
}

/**
 * Prepares an engine for tests. Native computes on one thread, and in `npm run test:long` on all: several threads would
 * wait for each other when packages are tested in parallel.
 */
export async function useTestEngine(engine: EngineName, options: EngineOptions = {}): Promise<void> {
  const isAlone = engine === "native" && !process.env.MIXTAPE_TEST_LONG;
  await useEngine(engine, isAlone ? { threads: 1, ...options } : options);
}

function defaults(long: boolean): EngineName[] {
  const native = nativeIfBuilt();
  if (long) return ["cpu", "wasm", ...native];
  return native.length > 0 ? native : ["wasm"];
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
