import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { python } from "../peers/folder.js";
import { ask, type Command, sample } from "./child.js";
import type { Found, Runner } from "./runner.js";

const SCRIPT = fileURLToPath(new URL("../../python/transformers_peer.py", import.meta.url));

/** Hugging Face transformers on PyTorch. */
export const transformers: Runner = {
  name: "transformers",
  peer: true,
  reads: "folder",
  find: async () =>
    existsSync(python())
      ? ask<Found>(command({ kind: "find" }))
      : {
          missing:
            `There is no Python at ${process.env.MIXTAPE_BENCH_PYTHON ?? "the cache"}. \`npm run bench -- --install-peers\` ` +
            "installs it with torch and transformers, or MIXTAPE_BENCH_PYTHON names one that has them.",
        },
  run: ({ folder }, tasks) => sample(command({ kind: "run", folder, tasks })),
};

function command(request: object): Command {
  return {
    file: python(),
    args: [SCRIPT, JSON.stringify({ ...request, threads: availableParallelism() })],
    env: { TRANSFORMERS_OFFLINE: "1", HF_HUB_DISABLE_PROGRESS_BARS: "1", OMP_NUM_THREADS: `${availableParallelism()}` },
  };
}
