import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { arch, env, platform } from "node:process";
import { fileURLToPath } from "node:url";
import { NODE_PEERS } from "../peers/folder.js";
import type { Command } from "../runners/child.js";
import type { Request } from "./child.js";

/** A program that runs the model. */
export interface LargerRunner {
  readonly name: string;
  readonly description: string;
  /** Reason why it does not run here; undefined if it does. */
  missing(): string | undefined;
  command(request: Request): Command;
}

const CHILD = fileURLToPath(new URL("child.js", import.meta.url));
const PEER = fileURLToPath(new URL("../../python/llama_cpp_peer.py", import.meta.url));

/** Folder of llama.cpp's shared libraries: `LLAMA_CPP`, or that of the installed peer. */
function llamaFolder(): string {
  const name = `${platform}-${arch}`;
  return env.LLAMA_CPP ?? join(NODE_PEERS, "node_modules", "@node-llama-cpp", name, "bins", name);
}

function llamaVersion(): string {
  const build = join(llamaFolder(), "_nlcBuildMetadata.json");
  if (!existsSync(build)) return "llama.cpp";
  const { buildOptions } = JSON.parse(readFileSync(build, "utf8")) as {
    buildOptions: { llamaCpp: { release: string } };
  };
  return `llama.cpp ${buildOptions.llamaCpp.release}`;
}

const llama = (name: string, repack: boolean, about: string): LargerRunner => ({
  name,
  description: `${llamaVersion()} of node-llama-cpp, ${about}`,
  missing: () =>
    existsSync(llamaFolder())
      ? undefined
      : `${name}: there is no ${llamaFolder()}. \`npm run bench -- --install-peers\` installs it, or LLAMA_CPP names the folder of its libraries.`,
  command: (request) => ({
    file: env.MIXTAPE_BENCH_PYTHON ?? "python3",
    args: [PEER, llamaFolder(), JSON.stringify({ ...request, repack })],
  }),
});

export const RUNNERS: readonly LargerRunner[] = [
  {
    name: "native",
    description: "Mixtape",
    missing: () => undefined,
    command: (request) => ({ file: process.execPath, args: [CHILD, JSON.stringify(request)] }),
  },
  llama("llama.cpp", true, "as it comes: it packs weights again, in memory of its own"),
  llama("llama.cpp-mapped", false, "weights used in the mapped file"),
];
