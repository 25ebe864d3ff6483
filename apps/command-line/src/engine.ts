/** The engine that the command line asks for. */

import { type Engine, type EngineName, type EngineOptions, useEngine } from "@mixtape/mixtape";
import { note } from "./colors.js";

/** The flags that say what computes. */
export interface EngineFlags extends Pick<EngineOptions, "threads" | "precision"> {
  readonly engine: EngineName | "auto";
}

/** Prepares the engine, and says which flags it does not take. */
export async function chooseEngine({ engine: name, threads, precision }: EngineFlags): Promise<Engine> {
  const engine = await useEngine(name, { threads, precision });
  if (engine.name === "native") return engine;
  for (const [flag, value] of Object.entries({ threads, precision }))
    if (value !== undefined) note(`--${flag} is for the engine native; ${engine.name} does not take it`);
  return engine;
}
