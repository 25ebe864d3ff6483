#!/usr/bin/env node
/**
 * `npm run test:long` of a package: all of its tests, the long ones included (`*.long.test.ts`, `test/long/`), and those of
 * models on every engine, where `npm test` takes the fastest that was built. Packages whose tests are the same on every engine
 * add the word `long`, which picks the files that `npm test` leaves out.
 */

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { argv, env, execPath, exit } from "node:process";

const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const { status } = spawnSync(execPath, [vitest, "run", "--passWithNoTests", ...argv.slice(2)], {
  stdio: "inherit",
  env: { ...env, MIXTAPE_TEST_LONG: "1" },
});
exit(status ?? 1);
