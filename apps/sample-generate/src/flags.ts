/** Flags that several commands share. */

import type { EngineName } from "@mixtape/mixtape";
import { Option } from "commander";
import { someText } from "./values.js";

const ENGINES = { auto: true, tensorflow: true, webgpu: true, wasm: true, cpu: true } satisfies Record<
  EngineName | "auto",
  true
>;

export function modelOption(): Option {
  return new Option("--model <dir>", "folder of a checkpoint in Hugging Face format")
    .argParser(someText)
    .makeOptionMandatory();
}

export function engineOption(): Option {
  return new Option("--engine <name>", "what computes").choices(Object.keys(ENGINES)).default("auto");
}

export function debugOption(): Option {
  return new Option("--debug", "show the stack of an error, and long messages in full (or set MIXTAPE_DEBUG=1)");
}
