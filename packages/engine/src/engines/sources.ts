import type { EngineName, EngineSource } from "../engine.js";
import { cpu } from "./cpu.js";
import { native } from "./native.js";
import { tensorflow } from "./tensorflow.js";
import { wasm } from "./wasm.js";
import { webgpu } from "./webgpu.js";

/** All engines, in the order in which the automatic choice tries them. */
export const SOURCES: readonly EngineSource[] = [native, tensorflow, webgpu, wasm, cpu];

export function findSource(name: EngineName): EngineSource | undefined {
  return SOURCES.find((source) => source.name === name);
}
