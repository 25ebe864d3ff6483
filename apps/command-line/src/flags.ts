/** Flags that several commands share. */

import type { EngineName, Task } from "@mixtape/mixtape";
import { Option } from "commander";
import { UsageError } from "./failure.js";
import { RenamedFlag } from "./flag-syntax.js";
import { fileSize, number, someText } from "./values.js";

const ENGINES = {
  auto: true,
  native: true,
  tensorflow: true,
  webgpu: true,
  wasm: true,
  cpu: true,
} satisfies Record<EngineName | "auto", true>;

const TASKS = {
  "text-generation": true,
  "text-classification": true,
  "token-classification": true,
  "question-answering": true,
  "feature-extraction": true,
} satisfies Record<Task, true>;

/** @param without tasks that the command does not support */
export function taskOption(about: string, without: readonly Task[] = []): Option {
  const tasks = (Object.keys(TASKS) as Task[]).filter((task) => !without.includes(task));
  return new Option("--task <name>", about).choices(tasks);
}

export function modelOption(): Option {
  return new Option("--model <dir>", "folder of a checkpoint in Hugging Face format, or a GGUF file").argParser(
    someText,
  );
}

export function adapterOption(): Option {
  const about = "folder of an adapter to apply: LoRA, DoRA or a mixture, as saved by sample-train or peft";
  return new Option("--adapter <dir>", about).argParser(someText);
}

/**
 * Checks that a required flag is set. Commander's own check comes before its check of misspelt flags, and would hide
 * them.
 * @throws {UsageError}
 */
export function given<T>(value: T | undefined, flag: string): T {
  if (value !== undefined) return value;
  throw new UsageError(`expected ${flag}`);
}

export function engineOption(): Option {
  return new Option("--engine <name>", "engine that computes").choices(Object.keys(ENGINES)).default("auto");
}

export function threadsOption(): Option {
  return new Option("--threads <n>", "for native: number of threads (default: one for each processor)").argParser(
    number((value) => Number.isInteger(value) && value >= 1 && value <= 1024, "a whole number from 1 to 1024"),
  );
}

export function precisionOption(): Option {
  const about = "for native: precision of activations in products with bfloat16 weights (default: bfloat16)";
  return new Option("--precision <name>", about).choices(["bfloat16", "float32"]);
}

export function memoryOption(): Option {
  const about =
    "memory for the weights, such as 8GB; on native, experts beyond it are read from their files when needed (default: the free memory)";
  return new Option("--memory <size>", about).argParser(fileSize);
}

export function chatTemplateOption(): Option {
  const about = "a file with the chat template to use, in Jinja (default: the tokenizer's)";
  return new RenamedFlag("--chat-template <file>", "template", about).argParser(someText);
}

export function checkOption(): Option {
  return new Option("--check-finite", "look for NaN and infinities in the weights, and name the tensor that has one");
}

export function ignoreOption(): Option {
  const add = (key: string, before: readonly string[] = []): string[] => [...before, someText(key)];
  return new Option(
    "--ignore <key...>",
    "keys of config.json, adapter_config.json and generation_config.json to ignore",
  ).argParser(add);
}

export function debugOption(): Option {
  return new Option("--debug", "show the stack of an error, and long messages in full (or set MIXTAPE_DEBUG=1)");
}
