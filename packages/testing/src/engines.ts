import { type EngineName, type EngineOptions, useEngine } from "@mixtape/engine";
import { registerNative } from "@mixtape/native";
import { beforeAll, describe } from "vitest";

/**
 * Returns the engines that a test file runs on: those in `MIXTAPE_TEST_ENGINES`, separated by commas; otherwise only native, the
 * fastest, and in `npm run test:long` the two that `npm test` leaves out, cpu and wasm. Outside of CI, if native was not built, a
 * warning says so and wasm replaces it.
 */
export function testEngines(): EngineName[] {
  return given() ?? (process.env.MIXTAPE_TEST_LONG ? ["cpu", "wasm"] : fastest());
}

/** Returns the engines of a test file that only `npm run test:long` runs: those in `MIXTAPE_TEST_ENGINES`, or all three. */
export function longTestEngines(): EngineName[] {
  return given() ?? [...new Set<EngineName>([...fastest(), "wasm", "cpu"])];
}

/**
 * Returns engines without `cpu`, whose backward passes take ten times as long, unless it is the only one: for tests of what no
 * kernel of an engine decides.
 */
export function withoutCpu(engines: readonly EngineName[]): EngineName[] {
  return engines.length === 1 ? [...engines] : engines.filter((engine) => engine !== "cpu");
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

/** Prepares an engine for tests. Native computes on one thread: packages are tested in parallel, and threads would wait for each other. */
export async function useTestEngine(engine: EngineName, options: EngineOptions = {}): Promise<void> {
  await useEngine(engine, engine === "native" ? { threads: 1, ...options } : options);
}

function given(): EngineName[] | undefined {
  const names = process.env.MIXTAPE_TEST_ENGINES?.split(",").filter((name) => name !== "");
  if (names?.length === 0) throw new Error('MIXTAPE_TEST_ENGINES: expected names of engines, got ""');
  // useEngine refuses an unknown name.
  return names as EngineName[] | undefined;
}

function fastest(): EngineName[] {
  const native = nativeIfBuilt();
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
