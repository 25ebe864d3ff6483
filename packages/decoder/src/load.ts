import type { DecoderConfig } from "@mixtape/config";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import type { Module } from "@mixtape/layers";
import { compileRecipe, type QuantizeFormat, type QuantizeOptions } from "@mixtape/quantization";
import { type FetchOptions, type TensorSource, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { CheckpointError } from "./errors.js";
import { refuseFaults } from "./explain-faults.js";
import { initializeParams } from "./initialize.js";
import { type OnWarning, summarizeNames, warnOnConsole } from "./load-warning.js";
import { type LoadJob, matchTensors, type TensorMatch } from "./match-tensors.js";
import { quantizeJobs } from "./quantize/quantize-jobs.js";
import { decodedWeights } from "./stored-weights.js";
import type { WeightMapping } from "./weights/weight-mapping.js";

/** Options for loading a checkpoint. */
export interface LoadOptions {
  /** Called after each parameter, with bytes of the checkpoint. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops between two parameters; the model is disposed. */
  readonly signal?: AbortSignal;
  /** Whether to look for NaN and infinities, and name a tensor that has one. It costs a pass over each tensor. */
  readonly checkFinite?: boolean;
  /**
   * Keys of `config.json` to accept although they are unknown or ask for computations that are not implemented; and
   * keys of `generation_config.json` to ignore.
   */
  readonly ignore?: readonly string[];
  /** Called once the parameters are found in the checkpoint, before any is read. Throws to refuse them. */
  readonly onMatch?: (jobs: readonly LoadJob[]) => void;
  /** Called for everything that loading skips or that overrides the config. Default: `console.warn`. */
  readonly onWarning?: OnWarning;
  /**
   * Values that replace the config's, such as the classes of a new head: `{ numLabels: 3 }`. For another number of
   * classes, names are generated, `LABEL_0` and so on, unless `id2label` has them.
   */
  readonly config?: Partial<DecoderConfig>;
  /**
   * Quantises matrices while they are loaded, one at a time: `int4`, `int8`, or a recipe. Engines that multiply quantised
   * weights keep them so; others decode them to float32. Default: no quantisation.
   */
  readonly quantize?: QuantizeFormat | QuantizeOptions;
  /** Seed of the parameters of a head that the checkpoint lacks. Default: 0. */
  readonly seed?: number;
  /** Options for fetching URLs: headers, retries, and the treatment of servers without range requests. */
  readonly fetchOptions?: Omit<FetchOptions, "signal" | "onWarning">;
}

/** Names of the loading options: for `checkOptions` of callers that pass them on. */
export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  onProgress: true,
  signal: true,
  checkFinite: true,
  ignore: true,
  onMatch: true,
  onWarning: true,
  config: true,
  quantize: true,
  seed: true,
  fetchOptions: true,
};

/**
 * Checks loading options, by name and by type.
 * @throws {OptionError} for an unknown option, or one of the wrong type
 */
export function checkLoadOptions(where: string, options: LoadOptions): void {
  checkOptions(where, options, LOAD_OPTIONS);
  checkOptionTypes(where, options, {
    onProgress: "function",
    onMatch: "function",
    onWarning: "function",
    signal: "signal",
    checkFinite: "boolean",
    ignore: "strings",
    config: "object",
    seed: "integer",
  });
  if (options.quantize !== undefined) compileRecipe(options.quantize, `${where}: quantize`);
}

/** Returns the fetch options of {@link LoadOptions}, with warnings passed on. */
export function fetchingOf({
  fetchOptions,
  signal,
  onWarning = warnOnConsole,
}: Pick<LoadOptions, "fetchOptions" | "signal" | "onWarning">): FetchOptions {
  const say = (message: string): void => onWarning({ kind: "whole-file", message, names: [] });
  return { ...fetchOptions, ...(signal && { signal }), onWarning: say };
}

/** Progress of loading. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/**
 * Loads every parameter of a module, one at a time, each byte read once.
 *
 * Compares names and shapes before reading any values. Missing and misshaped tensors are errors; unused ones are
 * skipped with a warning, as in transformers.
 * @param mappings differences of names and layouts on disk from those in memory
 * @throws {OptionError} for an unknown option
 * @throws {DecoderError} if the mappings contradict each other or do not fit the module
 * @throws {CheckpointError} listing all missing and misshaped tensors, and those that would change a parameter.
 * @throws {QuantizationError} for a checkpoint that cannot be quantised as the options say
 */
export async function loadParameters(
  module: Module,
  source: TensorSource,
  mappings: readonly WeightMapping[],
  options: LoadOptions & LoadContext = {},
): Promise<void> {
  const context = { where: true, architecture: true, mayLack: true, std: true } as const;
  checkOptions("loadParameters", options, { ...LOAD_OPTIONS, ...context });
  const { onProgress, signal, checkFinite = false, where = "checkpoint" } = options;
  const { onWarning = warnOnConsole } = options;
  const match = matchTensors(module, source, mappings, options.mayLack);
  refuseFaults(match, where);
  warnOfTensors(match, where, onWarning, options.architecture);
  const { fresh } = match;
  const jobs =
    options.quantize === undefined ? match.jobs : quantizeJobs(match, compileRecipe(options.quantize), where);
  options.onMatch?.(jobs);
  warnOfDecoding(jobs, where, onWarning);
  const totalBytes = jobs.reduce((sum, { view }) => sum + view.byteLength, 0);
  let loadedBytes = 0;
  try {
    for (const { param, view, dtype } of jobs) {
      signal?.throwIfAborted();
      await param.load(checkFinite ? finite(view) : view, { dtype });
      loadedBytes += view.byteLength;
      onProgress?.({ loadedBytes, totalBytes });
    }
    await initializeParams(
      fresh.map(({ name, param }) => [name, param]),
      { seed: options.seed, std: options.std },
    );
  } catch (error) {
    module.dispose();
    throw error;
  }
}

/** Context that a model passes to {@link loadParameters}. */
export interface LoadContext {
  /** Name of the checkpoint in errors. */
  readonly where?: string;
  /** Name of the model in warnings. Default: the model. */
  readonly architecture?: string;
  /** Whether the checkpoint may lack a parameter, which is then initialized. Default: never. */
  readonly mayLack?: (name: string) => boolean;
  /** Standard deviation of initialized matrices. Default: 0.02. */
  readonly std?: number;
}

/** Warns about skipped tensors, tensors with other names, and initialized parameters. */
export function warnOfTensors(
  { unused, renamed, fresh }: Pick<TensorMatch, "unused" | "renamed" | "fresh">,
  where: string,
  onWarning: OnWarning,
  architecture = "the model",
): void {
  const say = (kind: "unused-tensors" | "renamed-tensors", names: readonly string[], what: string): void => {
    if (names.length === 0) return;
    const tensors = names.length === 1 ? "1 tensor" : `${names.length} tensors`;
    onWarning({ kind, names, message: `${where}: ${tensors} ${what}: ${summarizeNames(names)}` });
  };
  say("unused-tensors", unused, "that the model does not have, skipped");
  say("renamed-tensors", renamed, 'whose names lack the prefix "model." or have an extra one, read anyway');
  if (fresh.length === 0) return;
  const names = fresh.map(({ name }) => name);
  onWarning({
    kind: "newly-initialized",
    names,
    message: `Some weights of ${architecture} are not in ${where} and are newly initialized: ${names.join(", ")}. Train the model before using their output`,
  });
}

/** Warns about quantised weights that the engine in use decodes: they take more memory than their files. */
function warnOfDecoding(jobs: readonly LoadJob[], where: string, onWarning: OnWarning): void {
  const { storedBytes, bytes, formats } = decodedWeights(jobs);
  if (bytes === 0) return;
  const [before, after] = [storedBytes, bytes].map(showBytes);
  onWarning({
    kind: "decoded-weights",
    names: formats,
    message: `${where}: quantised weights (${formats.join(", ")}) are decoded to float32 on this engine: ${after} in memory, for ${before} in the file`,
  });
}

function showBytes(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Returns the view, whose read throws if a value is not finite. */
function finite(view: TensorView): TensorView {
  return {
    name: view.name,
    dtype: view.dtype,
    shape: view.shape,
    byteLength: view.byteLength,
    async read() {
      const bytes = await view.read();
      const values = toFloat32(bytes, view.dtype);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw new CheckpointError({
          where: view.name,
          expected: "finite numbers",
          got: `${values[bad]} at element ${bad} of [${view.shape}]`,
          fix: "The checkpoint is damaged, or training diverged before it was saved",
        });
      return bytes;
    },
    slice: (start, end) => finite(view.slice(start, end)),
    at: (index) => finite(view.at(index)),
  };
}
