import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { NativeError, registerNative } from "../src/index.js";

const RUNNER = fileURLToPath(new URL("tfjs-core/run.js", import.meta.url));

/** Why the engine does not run here. In CI that is a failure; elsewhere, where there may be no compiler, it is told. */
function reason(): string | undefined {
  if (process.env.CI) return undefined;
  try {
    registerNative();
    return undefined;
  } catch (error) {
    if (error instanceof NativeError) return error.message;
    throw error;
  }
}

const missing = reason();
if (missing !== undefined) console.warn(`tfjs-core's own test-suite is not run here: ${missing}`);

test.skipIf(missing !== undefined)("the test-suite that tfjs-core publishes passes, all of it", () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [RUNNER, "native"], { encoding: "utf8" });
  console.log(stdout.trimEnd());
  expect({ status, stderr, stdout }).toEqual({
    status: 0,
    stderr: "",
    stdout: expect.stringMatching(
      /^tfjs-core 4\.22\.0 on native, .+: 4225 specs passed, 0 failed, 5 left out, in .+ s\n$/,
    ),
  });
});
