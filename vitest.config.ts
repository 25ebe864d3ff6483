/**
 * How every package is tested: vitest looks for its configuration upwards, and a package that needs more merges it with this.
 * `vitest run --mode long` (npm run test:long) takes what `npm test` leaves out: the long tests, and what depends on engines on the
 * other engines.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const LONG = ["**/{long/**,*.long.test.ts}"];

/** A file with such a word tests more, or other engines, in the long tests. */
const GROWS = /\b(MIXTAPE_TEST_LONG|ENGINES|HOSTS|onEachEngine|testEngines|\w*[cC]onformance)\b/;

/** The files of a package whose tests grow in the long tests. */
function growing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && GROWS.test(readFileSync(join(folder, file), "utf8")))
    .map((file) => `test/${file.replaceAll("\\", "/")}`);
}

export default defineConfig(({ mode }) => ({
  test: {
    ...(mode === "long"
      ? { include: [...LONG, ...growing("test")], env: { MIXTAPE_TEST_LONG: "1" }, passWithNoTests: true }
      : { exclude: [...configDefaults.exclude, ...LONG] }),
    // A loaded machine is no failure: limits are for what hangs.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // One process for all files of a package, and built packages as Node imports them: TensorFlow.js is read once, not per file.
    isolate: false,
    setupFiles: [fileURLToPath(new URL("tools/first-engine.js", import.meta.url))],
    server: { deps: { external: [/\/dist\//] } },
  },
}));
