/** Peers written in Python: a script whose argument is a request, and whose last line is the answer. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { ask, type Command } from "../runners/child.js";
import type { Found } from "../runners/runner.js";
import { python } from "./folder.js";

/** Asks a script for its versions, if there is a Python to run it. */
export async function findPython(
  script: string,
  { threads, ...options }: { readonly threads?: number | undefined } = {},
): Promise<Found> {
  if (existsSync(python())) return ask<Found>(pythonCommand(script, { kind: "find", ...options }, threads));
  return {
    missing:
      `There is no Python at ${process.env.MIXTAPE_BENCH_PYTHON ?? "the cache"}. \`npm run bench -- --install-peers\` ` +
      "installs it with torch, transformers and peft, or MIXTAPE_BENCH_PYTHON names one that has them.",
  };
}

/** @param threads default: one per core */
export function pythonCommand(script: string, request: object, threads = availableParallelism()): Command {
  return {
    file: python(),
    args: [script, JSON.stringify({ ...request, threads })],
    env: { TRANSFORMERS_OFFLINE: "1", HF_HUB_DISABLE_PROGRESS_BARS: "1", OMP_NUM_THREADS: `${threads}` },
  };
}
