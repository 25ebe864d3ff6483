/** Choice of the engine on the command line. */

import { type Engine, type EngineName, type EngineOptions, useEngine } from "@mixtape/mixtape";
import { note } from "./colors.js";

/** Flags of the engine. */
export interface EngineFlags extends Pick<EngineOptions, "threads" | "precision"> {
  readonly engine: EngineName | "auto";
}

/** Prepares the engine, and reports flags that it does not use. */
export async function chooseEngine({ engine: name, threads, precision }: EngineFlags): Promise<Engine> {
  const engine = await useEngine(name, { threads, precision });
  if (engine.name === "native") return engine;
  for (const [flag, value] of Object.entries({ threads, precision }))
    if (value !== undefined) note(`--${flag} is for the engine native; ${engine.name} does not take it`);
  return engine;
}
