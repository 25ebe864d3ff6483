/** The process that measures Mixtape: `main.js ENGINE REQUEST`. Its last line is the answer. */

import { argv } from "node:process";
import { type EngineName, type EngineOptions, useEngine } from "@mixtape/engine";
import { MixtapeError } from "@mixtape/errors";
import { measurePeaks } from "@mixtape/native";
import type { Found } from "../runners/runner.js";
import { measureKernels } from "./kernels.js";
import { measureProducts } from "./products.js";
import { measureProfile } from "./profile.js";
import type { Request } from "./request.js";
import { measureTasks } from "./tasks.js";

const [engine, request] = argv.slice(2) as [EngineName, string];
console.log(JSON.stringify(await answer(engine, JSON.parse(request) as Request)));

async function answer(engine: EngineName, request: Request): Promise<object> {
  switch (request.kind) {
    case "find":
      return find(engine, request.threads === undefined ? {} : { threads: request.threads });
    case "peaks":
      await useEngine(engine);
      return measurePeaks();
    case "run":
      return measureTasks(engine, request);
    case "products":
      return measureProducts(engine, request.model);
    case "kernels":
      return measureKernels(engine, request);
    case "profile":
      return measureProfile(engine, request.model);
  }
}

async function find(engine: EngineName, options: EngineOptions): Promise<Found> {
  try {
    return { description: (await useEngine(engine, options)).description };
  } catch (error) {
    if (error instanceof MixtapeError) return { missing: error.message };
    throw error;
  }
}
