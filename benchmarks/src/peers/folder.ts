import { join } from "node:path";
import { env } from "node:process";
import { cacheFolder } from "../cache-folder.js";

/** Where `npm run bench -- --install-peers` puts node-llama-cpp: outside of this repository's own `node_modules`. */
export const NODE_PEERS: string = join(cacheFolder("bench"), "peers");

/** Where it puts torch and transformers. */
export const VENV: string = join(cacheFolder("bench"), "venv");

/** The Python that has torch and transformers. */
export function python(): string {
  return env.MIXTAPE_BENCH_PYTHON ?? join(VENV, "bin", "python");
}
