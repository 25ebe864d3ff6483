import { join } from "node:path";
import { env } from "node:process";
import { cacheFolder } from "../cache-folder.js";

/**
 * Folder into which `npm run bench -- --install-peers` installs node-llama-cpp: outside this repository's own
 * `node_modules`.
 */
export const NODE_PEERS: string = join(cacheFolder("bench"), "peers");

/** Folder into which it installs torch and transformers. */
export const VENV: string = join(cacheFolder("bench"), "venv");

/** Returns the Python that has torch and transformers. */
export function python(): string {
  return env.MIXTAPE_BENCH_PYTHON ?? join(VENV, "bin", "python");
}
