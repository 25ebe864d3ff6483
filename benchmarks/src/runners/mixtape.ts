import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { EngineName } from "@mixtape/engine";
import type { Request } from "../mixtape/request.js";
import { ask } from "./child.js";
import type { Found, Products, Runner, Sample, StepProfile } from "./runner.js";

const CHILD = fileURLToPath(new URL("../mixtape/main.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Mixtape on one of its engines. */
export function mixtape(engine: EngineName): Runner {
  const answer = <T>(request: Request): Promise<T> =>
    ask({ file: process.execPath, args: [CHILD, engine, JSON.stringify(request)], env: builtTfjsNode() });
  return {
    name: engine,
    find: () => answer<Found>({ kind: "find" }),
    run: (folder, task) => answer<Sample>({ kind: "run", folder, task }),
    products: (folder) => answer<Products>({ kind: "products", folder }),
    profile: (folder) => answer<StepProfile>({ kind: "profile", folder }),
  };
}

/** The tfjs-node that `npm run verify:tensorflow` built, where no other is named. */
function builtTfjsNode(): Record<string, string> {
  if (process.env.MIXTAPE_TFJS_NODE) return {};
  const cache = resolve(ROOT, process.env.MIXTAPE_CACHE ?? ".cache", "tensorflow");
  const built = (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => /^tfjs-node-[\d.]+$/.test(name))
    .map((name) => join(cache, name, "node_modules", "@tensorflow", "tfjs-node"))
    .find((folder) => existsSync(join(folder, "lib")));
  return built ? { MIXTAPE_TFJS_NODE: built } : {};
}
