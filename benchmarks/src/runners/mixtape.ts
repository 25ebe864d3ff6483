import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EngineName } from "@mixtape/engine";
import { cacheFolder } from "../cache-folder.js";
import type { Request } from "../mixtape/request.js";
import { ask, type Command, sample } from "./child.js";
import type { Answer, Found, KernelMeasure, Products, Runner, StepProfile } from "./runner.js";

const CHILD = fileURLToPath(new URL("../mixtape/main.js", import.meta.url));

/** Mixtape on one of its engines. @param options limit of its threads. Default: the engine's. */
export function mixtape(engine: EngineName, options: { readonly threads?: number } = {}): Runner {
  const command = (request: Request): Command => ({
    file: process.execPath,
    args: [CHILD, engine, JSON.stringify(request)],
    env: builtTfjsNode(),
  });
  return {
    name: engine,
    peer: false,
    reads: "folder",
    find: () => ask<Found>(command({ kind: "find", ...options })),
    run: ({ folder }, tasks) => sample<Answer>(command({ kind: "run", folder, tasks, ...options })),
    // The limit of `native` is the machine, not its own products.
    ...(engine !== "native" && { products: ({ folder }) => ask<Products>(command({ kind: "products", folder })) }),
    kernels: ({ folder }, longest) => ask<KernelMeasure[]>(command({ kind: "kernels", folder, longest })),
    profile: ({ folder }) => ask<StepProfile>(command({ kind: "profile", folder })),
  };
}

/** Uses the tfjs-node that `npm run verify:tensorflow` built, unless another is named. */
function builtTfjsNode(): Record<string, string> {
  if (process.env.MIXTAPE_TFJS_NODE) return {};
  const cache = cacheFolder("tensorflow");
  const built = (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => /^tfjs-node-[\d.]+$/.test(name))
    .map((name) => join(cache, name, "node_modules", "@tensorflow", "tfjs-node"))
    .find((folder) => existsSync(join(folder, "lib")));
  return built ? { MIXTAPE_TFJS_NODE: built } : {};
}
