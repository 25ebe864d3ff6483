import { resolve } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Returns the folder for generated files. `npm run verify:tensorflow` reads `MIXTAPE_CACHE` in the same way. */
export function cacheFolder(name: string): string {
  return resolve(ROOT, env.MIXTAPE_CACHE ?? ".cache", name);
}
