import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EngineName } from "@mixtape/engine";
import { cacheFolder } from "../cache-folder.js";
import type { Request } from "../mixtape/request.js";
import { modelOf } from "../shapes/shape.js";
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
    reads: modelOf,
    find: () => ask<Found>(command({ kind: "find", ...options })),
    run: (files, tasks) => sample<Answer>(command({ kind: "run", model: modelOf(files), tasks, ...options })),
    // The limit of `native` is the machine, not its own products.
    ...(engine !== "native" && {
      products: (files) => ask<Products>(command({ kind: "products", model: modelOf(files) })),
    }),
    // The bytes of a case are counted from the dtype of its parameter, which quantised ones do not have.
    kernels: async ({ folder }, longest) =>
      folder === null ? null : ask<KernelMeasure[]>(command({ kind: "kernels", model: folder, longest })),
    profile: (files) => ask<StepProfile>(command({ kind: "profile", model: modelOf(files) })),
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
