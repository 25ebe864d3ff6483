import { createRequire } from "node:module";
import { env, removeBackend, setBackend } from "@tensorflow/tfjs-core";
import { registerEngine, registerHostKernels } from "../../src/index.js";

/**
 * The tfjs backends that these tests run on: what `MIXTAPE_TEST_ENGINES` lists, or native and wasm, whose kernels are our own
 * twice; in `npm run test:long` cpu.
 */
export const ENGINES: readonly string[] =
  process.env.MIXTAPE_TEST_ENGINES?.split(",") ??
  (process.env.MIXTAPE_TEST_LONG ? ["cpu"] : ["wasm", ...(await nativeIfBuilt())]);

/** Those of them that have the kernels written in TypeScript. */
export const HOSTS: readonly string[] = ENGINES.filter((engine) => engine === "cpu" || engine === "wasm");

const require = createRequire(import.meta.url);

/** `engine` stands above this package, so the backends are set up here by hand. */
const LOADERS: Record<string, () => Promise<unknown>> = {
  cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  wasm: () => import("@tensorflow/tfjs-backend-wasm"),
  native: loadNative,
  tensorflow: async () => {
    const util = require("node:util") as Record<string, unknown>;
    util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    process.env.TF_CPP_MIN_LOG_LEVEL ??= "1";
    const folder = process.env.MIXTAPE_TFJS_NODE;
    require(folder ?? "@tensorflow/tfjs-node");
  },
};

/** Makes a backend the one in use, with our kernels, and lets tfjs look for leaks in every kernel. */
export async function useBackend(name: string): Promise<void> {
  const load = LOADERS[name];
  if (!load) throw new Error(`MIXTAPE_TEST_ENGINES: expected ${Object.keys(LOADERS).join(", ")}, got ${name}`);
  env().set("PROD", true);
  // On wasm a clone is a copy, and what a custom gradient saves would count as a leak.
  env().set("IS_TEST", name !== "wasm");
  await load();
  if (!(await setBackend(name))) {
    removeBackend(name);
    throw new Error(`the backend ${name} does not start`);
  }
  registerHostKernels(name);
}

/** By its place: `native` depends on this package. turbo.json says that it is built before these tests. */
async function loadNative(): Promise<void> {
  const { href } = new URL("../../../native/dist/index.js", import.meta.url);
  const { registerNative } = (await import(href)) as { registerNative(): void };
  registerNative();
  // It declares itself to the built package, and these tests run the sources.
  registerEngine("native", { readsBack: true, fusesGating: ({ kernel }) => kernel !== undefined });
}

/** In CI it must be there. Elsewhere it is left out where it was not built, which is told. */
async function nativeIfBuilt(): Promise<string[]> {
  if (process.env.CI) return ["native"];
  return loadNative().then(
    () => ["native"],
    (error: unknown) => {
      console.warn("Not tested here: native.", error);
      return [];
    },
  );
}
