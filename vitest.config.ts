/**
 * How every package is tested: vitest looks for its configuration upwards, and a package that needs more merges it with this.
 * `vitest run --mode long` (npm run test:long) also takes the long tests, and models on every engine.
 */

import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  test: {
    exclude: [...configDefaults.exclude, ...(mode === "long" ? [] : ["**/{long/**,*.long.test.ts}"])],
    env: mode === "long" ? { MIXTAPE_TEST_LONG: "1" } : {},
    passWithNoTests: mode === "long",
    // A loaded machine is no failure: limits are for what hangs.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // One process for all files of a package, and built packages as Node imports them: TensorFlow.js is read once, not per file.
    isolate: false,
    setupFiles: [fileURLToPath(new URL("tools/first-engine.js", import.meta.url))],
    server: { deps: { external: [/\/dist\//] } },
  },
}));
