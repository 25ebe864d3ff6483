/** Peers written in Python: a script whose argument is a request, and whose last line is the answer. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { ask, type Command } from "../runners/child.js";
import type { Found } from "../runners/runner.js";
import { type Environment, python } from "./folder.js";

/** A script and the environment that it runs in. */
export interface PythonPeer {
  readonly script: string;
  readonly environment: Environment;
  /** Packages that it needs, in words. */
  readonly packages: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Returns the path of a script in `python/`. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(`../../python/${name}`, import.meta.url));
}

/** Asks a script for its versions, if there is a Python to run it. */
export async function findPython(
  peer: PythonPeer,
  { threads, ...options }: { readonly threads?: number | undefined } = {},
): Promise<Found> {
  const file = python(peer.environment);
  if (existsSync(file)) return ask<Found>(pythonCommand(peer, { kind: "find", ...options }, threads));
  const named = peer.environment === "venv" ? ", or MIXTAPE_BENCH_PYTHON names one that has them" : "";
  return {
    missing:
      `There is no Python at ${process.env.MIXTAPE_BENCH_PYTHON && named ? file : "the cache"} with ${peer.packages}. ` +
      `\`npm run bench -- --install-peers\` installs it${named}.`,
  };
}

/** @param threads default: one per core */
export function pythonCommand(peer: PythonPeer, request: object, threads = availableParallelism()): Command {
  return {
    file: python(peer.environment),
    args: [peer.script, JSON.stringify({ ...request, threads })],
    env: {
      TRANSFORMERS_OFFLINE: "1",
      HF_HUB_OFFLINE: "1",
      HF_HUB_DISABLE_PROGRESS_BARS: "1",
      OMP_NUM_THREADS: `${threads}`,
      ...peer.env,
    },
  };
}
