export { availableMemory } from "./available-memory.js";
export type { Engine, EngineName, EngineOptions, EngineStatus, MemoryLimit, PassedOver } from "./engine.js";
export { EngineError } from "./engine-error.js";
export { currentEngine, knownEngines, listEngines, useEngine } from "./use-engine.js";
