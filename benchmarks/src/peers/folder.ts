import { join } from "node:path";
import { env } from "node:process";
import { cacheFolder } from "../cache-folder.js";

/**
 * Folder into which `npm run bench -- --install-peers` installs node-llama-cpp: outside this repository's own
 * `node_modules`.
 */
export const NODE_PEERS: string = join(cacheFolder("bench"), "peers");

/** Environments of Python that it makes: of torch and transformers, and of peers that need other versions of these. */
export type Environment = "venv" | "vllm" | "openvino";

/** Returns the folder of an environment. */
export function environmentFolder(name: Environment): string {
  return join(cacheFolder("bench"), name);
}

/** Returns the Python of an environment. */
export function python(name: Environment = "venv"): string {
  if (name === "venv" && env.MIXTAPE_BENCH_PYTHON) return env.MIXTAPE_BENCH_PYTHON;
  return join(environmentFolder(name), "bin", "python");
}
