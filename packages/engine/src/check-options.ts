import { checkOptions, type OptionNames } from "@mixtape/errors";
import type { EngineOptions } from "./engine.js";
import { EngineError } from "./engine-error.js";

/** Same limit as the native engine: more threads are a mistake, and would only slow it down. */
const MAX_THREADS = 1024;

const OPTIONS: OptionNames<EngineOptions> = { threads: true, precision: true, mmap: true, wasmPath: true };

const PRECISIONS: readonly unknown[] = ["bfloat16", "float32"];

/**
 * Checks options before any engine is tried: an invalid option is the caller's mistake, and the automatic choice must
 * not mistake it for an engine that does not work.
 *
 * @throws {OptionError} for an option that no engine has
 * @throws {EngineError} for an invalid value
 */
export function checkEngineOptions(options: EngineOptions): void {
  checkOptions("useEngine", options, OPTIONS);
  const { threads, precision, mmap, wasmPath } = options;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    refuse("threads", `a whole number from 1 to ${MAX_THREADS}`, threads);
  if (precision !== undefined && !PRECISIONS.includes(precision))
    refuse("precision", '"bfloat16" or "float32"', precision);
  if (mmap !== undefined && typeof mmap !== "boolean") refuse("mmap", "true or false", mmap);
  if (wasmPath !== undefined && typeof wasmPath !== "string")
    refuse("wasmPath", "the path or URL of a folder, as a string", wasmPath);
}

function refuse(option: string, expected: string, got: unknown): never {
  throw new EngineError({
    where: { option, text: (own) => `the option ${own}` },
    expected,
    got: JSON.stringify(got) ?? String(got),
  });
}
