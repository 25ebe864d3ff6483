import type { DecoderConfig } from "@mixtape/config";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import type { Module } from "@mixtape/layers";
import { type FetchOptions, type TensorSource, type TensorView, toFloat32 } from "@mixtape/safetensors";
import { CheckpointError } from "./errors.js";
import { refuseFaults } from "./explain-faults.js";
import { initializeParams } from "./initialize.js";
import { type OnWarning, summarizeNames, warnOnConsole } from "./load-warning.js";
import { matchTensors, type TensorMatch } from "./match-tensors.js";
import type { WeightMapping } from "./weights/weight-mapping.js";

/** How a model is filled from a checkpoint. */
export interface LoadOptions {
  /** Called after each parameter, with bytes of the checkpoint. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops between two parameters; the model is disposed. */
  readonly signal?: AbortSignal;
  /** Whether to look for NaN and infinities, and name the tensor that has one. It costs a pass over each tensor. */
  readonly checkFinite?: boolean;
  /**
   * Keys of `config.json` to pass over: of one that nothing here knows nothing is said, and one that asks for other maths is no
   * error; and keys of `generation_config.json` to load without.
   */
  readonly ignore?: readonly string[];
  /** Called for what loading leaves out or decides against the config. Default: `console.warn`. */
  readonly onWarning?: OnWarning;
  /**
   * Values that take the place of the config's, such as the classes of a new head: `{ numLabels: 3 }`. Names of classes are made
   * for another number of them, `LABEL_0` and so on, unless `id2label` has them.
   */
  readonly config?: Partial<DecoderConfig>;
  /** Seed of the parameters of a head that the checkpoint lacks. Default 0. */
  readonly seed?: number;
  /** How files are fetched where the source is a URL: headers, retries, and what to do where a server answers no ranges. */
  readonly fetchOptions?: Omit<FetchOptions, "signal" | "onWarning">;
}

/** What loading may be told, by name: for `checkOptions` of whoever passes it on. */
export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  onProgress: true,
  signal: true,
  checkFinite: true,
  ignore: true,
  onWarning: true,
  config: true,
  seed: true,
  fetchOptions: true,
};

/**
 * Checks options of loading, by name and by type.
 * @throws {OptionError} for an option that loading does not know, or of another type than its own
 */
export function checkLoadOptions(where: string, options: LoadOptions): void {
  checkOptions(where, options, LOAD_OPTIONS);
  checkOptionTypes(where, options, {
    onProgress: "function",
    onWarning: "function",
    signal: "signal",
    checkFinite: "boolean",
    ignore: "strings",
    config: "object",
    seed: "integer",
  });
}

/** How the files of a source are fetched by {@link LoadOptions}, with what the fetching warns of. */
export function fetchingOf({ fetchOptions, signal, onWarning = warnOnConsole }: LoadOptions): FetchOptions {
  const say = (message: string): void => onWarning({ kind: "whole-file", message, names: [] });
  return { ...fetchOptions, ...(signal && { signal }), onWarning: say };
}

/** How far loading is. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/**
 * Fills every parameter of a module, one at a time, each byte read once.
 *
 * It compares names and shapes before it reads any values. What is missing or of another shape is an error; what nothing asks
 * for is left out with a warning, as in transformers.
 * @param mappings how names and layouts on disk differ from those in memory
 * @throws {OptionError} for an option that it does not know
 * @throws {DecoderError} where the mappings contradict each other or do not fit the module
 * @throws {CheckpointError} listing all missing and wrongly shaped tensors, and those that would change a parameter.
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
  const { jobs, fresh } = match;
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

/** What {@link loadParameters} is told by the model that it fills. */
export interface LoadContext {
  /** What the checkpoint is called in errors. */
  readonly where?: string;
  /** What the model is called in warnings. Default: the model. */
  readonly architecture?: string;
  /** Whether the checkpoint may lack a parameter, which is then initialized. Default: none. */
  readonly mayLack?: (name: string) => boolean;
  /** Standard deviation of matrices that are initialized. Default 0.02. */
  readonly std?: number;
}

/** Says which tensors are left out, which are read under another name, and which parameters are initialized. */
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
  say("unused-tensors", unused, "that the model does not have, left out");
  say("renamed-tensors", renamed, 'whose names lack the prefix "model." or have one too many, found all the same');
  if (fresh.length === 0) return;
  const names = fresh.map(({ name }) => name);
  onWarning({
    kind: "newly-initialized",
    names,
    message: `Some weights of ${architecture} are not in ${where} and are newly initialized: ${names.join(", ")}. Train the model before you use what they compute`,
  });
}

/** The view, but reading it throws where a value is not finite. */
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
