import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { addon } from "../src/addon.js";
import { NativeError } from "../src/index.js";

const RUNNER = fileURLToPath(new URL("tfjs-core/run.js", import.meta.url));
const run = promisify(execFile);

/** The instruction sets that run here; none where there is no binary, which only outside of CI is no failure. */
function instructionSets(): readonly string[] {
  try {
    return addon().info().isas;
  } catch (error) {
    if (process.env.CI || !(error instanceof NativeError)) throw error;
    console.warn(`tfjs-core's own test-suite is not run here: ${error.message}`);
    return [];
  }
}

const isas = instructionSets();

test.skipIf(isas.length === 0).each(isas)(
  "the test-suite that tfjs-core publishes passes, all of it, on %s",
  async (isa) => {
    const ended = await run(process.execPath, [RUNNER, "native"], { env: { ...process.env, MIXTAPE_NATIVE_ISA: isa } });
    console.log(ended.stdout.trimEnd());
    expect(ended.stderr).toBe("");
    expect(ended.stdout).toMatch(
      new RegExp(`^tfjs-core 4\\.22\\.0 on native, ${isa}, .+: 4225 specs passed, 0 failed, 5 left out, in .+ s\n$`),
    );
  },
);
