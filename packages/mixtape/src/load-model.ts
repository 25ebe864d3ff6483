import {
  changeConfig,
  checkLoadOptions,
  type ForCausalLM,
  fetchingOf,
  LOAD_OPTIONS,
  type LoadOptions,
  parseConfig,
  readConfig,
  warnOnConsole,
} from "@mixtape/decoder";
import { currentEngine, type Engine, EngineError, type EngineName, useEngine } from "@mixtape/engine";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import { GgufCheckpoint } from "@mixtape/gguf";
import { type CheckpointSource, isCheckpoint, readSideFile } from "@mixtape/safetensors";
import { TOKENIZER_FILES, Tokenizer, TokenizerError, type TokenizerOptions } from "@mixtape/tokenizer";
import { checkFit } from "./check-memory.js";
import { openSource } from "./checkpoint-source.js";
import { modelClassOf } from "./families.js";
import { memoryBytes } from "./memory-size.js";
import { type AnyModel, checkTask, type ModelByTask, type Task } from "./tasks.js";

/** Options of {@link loadModel}. */
export interface LoadModelOptions extends LoadOptions {
  /** Engine to load the model onto. Default: the current one, or the automatic choice if there is none. */
  readonly engine?: EngineName | "auto";
  /**
   * Refuses weights that exceed the engine's limit or, in Node and unless they are memory-mapped, the machine's free
   * memory, before reading any. Default: true.
   */
  readonly checkMemory?: boolean;
  /**
   * Memory that the weights may take: bytes, or text such as `"8GB"` or `"7.5GiB"`. Routed experts that stay in their files
   * (on `native`) may exceed it: those in use are kept in memory, others are read when a router chooses them. Caches and
   * activations come on top. Default: the free memory of the machine or the container, less a twentieth.
   */
  readonly memory?: number | string;
}

/** Options of {@link loadModel} with a task. */
export interface LoadModelForTask<T> extends LoadModelOptions {
  /** Task to load the model for, whatever class the checkpoint was saved from. */
  readonly task: T;
}

const OPTIONS: OptionNames<LoadModelOptions & Partial<LoadModelForTask<unknown>>> = {
  ...LOAD_OPTIONS,
  engine: true,
  checkMemory: true,
  memory: true,
  task: true,
};

/**
 * Loads a checkpoint in Hugging Face format: finds its family by `model_type` and its head by `architectures`, prepares
 * an engine, checks that the weights fit, and reads them.
 *
 * ```ts
 * const model = await loadModel("./Trinity-Nano-Preview");
 * const classifier = await loadModel("./Trinity-Nano-Preview", {
 *   task: "text-classification",
 *   config: { id2label: { 0: "ham", 1: "spam" } },
 * });
 * ```
 *
 * A `task` gives the model the head of that task. A classification or question answering head that the checkpoint lacks
 * is initialized, with a warning; without a language modelling head, text generation is refused. Without a task, the
 * return type is that of the usual case, a causal language model; `task: "auto"` returns the union type.
 *
 * @param location a folder or a GGUF file (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an unknown option
 * @throws {GgufError} for a GGUF file that is damaged or not supported
 * @throws {UnknownFamilyError} for a `model_type` that no family is registered for
 * @throws {UnknownArchitectureError} for `architectures` of unknown heads, if no task is given
 * @throws {ConfigError} if the config asks for something that the family does not implement
 * @throws {ModelTooLargeError} if the weights do not fit, before reading any
 * @throws {CheckpointError} listing all missing and misshaped tensors
 * @throws {EngineError} if the engine does not work here
 */
export function loadModel<T extends Task>(
  source: CheckpointSource,
  options: LoadModelForTask<T>,
): Promise<ModelByTask[T]>;
export function loadModel(source: CheckpointSource, options: LoadModelForTask<Task | "auto">): Promise<AnyModel>;
export function loadModel(source: CheckpointSource, options?: LoadModelOptions): Promise<ForCausalLM>;
export async function loadModel(
  location: CheckpointSource,
  loadOptions: LoadModelOptions & Partial<LoadModelForTask<Task | "auto">> = {},
): Promise<AnyModel> {
  checkOptions("loadModel", loadOptions, OPTIONS);
  checkOptionTypes("loadModel", loadOptions, { checkMemory: "boolean" });
  const { engine, checkMemory = true, memory, task, ...options } = loadOptions;
  const memoryLimit = memory === undefined ? undefined : memoryBytes(memory, "loadModel: memory");
  checkTask("loadModel", task);
  checkLoadOptions("loadModel", options);
  const source = await openSource(location, fetchingOf(options));
  const fetching = { ...fetchingOf(options), onWarning: () => {} };
  const file = await readConfig(source, fetching);
  const Model = modelClassOf(file.json, file.where, task);
  // Warnings come from fromPretrained, which reads the same file.
  const parsed = parseConfig(Model.family.config, file, { ignore: options.ignore, onWarning: () => {} });
  const config = changeConfig(Model.family.config, parsed, options.config);
  const prepared = await engineFor(engine);
  const onMatch = await checkFit(
    Model,
    config,
    prepared,
    { source, fetching, file },
    {
      quantize: options.quantize,
      memory: memoryLimit,
      refuse: checkMemory,
      onWarning: options.onWarning ?? warnOnConsole,
    },
  );
  if (!onMatch) return Model.fromPretrained(source, options);
  return Model.fromPretrained(source, {
    ...options,
    onMatch: (jobs) => {
      onMatch(jobs);
      options.onMatch?.(jobs);
    },
  });
}

/** Options of {@link loadTokenizer}. */
export interface LoadTokenizerOptions extends TokenizerOptions {
  /** Options for fetching files, if the source is a URL. */
  readonly fetchOptions?: LoadModelOptions["fetchOptions"];
}

/**
 * Loads the tokenizer of a checkpoint.
 * @param location a folder or a GGUF file (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an unknown option
 * @throws {GgufError} for a GGUF file that is damaged, or has a tokenizer that is not supported
 * @throws {TokenizerError} if there is no `tokenizer.json`, or a file is invalid
 */
export async function loadTokenizer(
  location: CheckpointSource,
  options: LoadTokenizerOptions = {},
): Promise<Tokenizer> {
  checkOptions("loadTokenizer", options, { fetchOptions: true, onWarning: true });
  const { fetchOptions, ...reading } = options;
  const source = await openSource(location, { ...fetchOptions, ...reading });
  if (typeof source !== "string" && !(source instanceof URL) && !(source instanceof Map) && !isCheckpoint(source))
    throw new TokenizerError({
      where: "loadTokenizer",
      expected: "a folder, a GGUF file, a URL or a map of files",
      got: source === null ? "null" : typeof source,
    });
  if (!(source instanceof Map) && !isCheckpoint(source) && !/^https?:/i.test(String(source)))
    return Tokenizer.fromFolder(source as string | URL, reading);
  // The tokenizer of a GGUF file does not depend on the model, which may be one that is not supported.
  if (source instanceof GgufCheckpoint) {
    const [tokenizer, config] = [source.readJson("tokenizer.json")!, source.readJson("tokenizer_config.json")!];
    return Tokenizer.fromJSON(tokenizer, config, { name: source.name, ...reading });
  }
  const read = async (name: string) => [name, await readSideFile(source, name, fetchOptions)] as const;
  const files = await Promise.all(TOKENIZER_FILES.map(read));
  return Tokenizer.fromFiles(new Map(files.flatMap(([name, bytes]) => (bytes ? [[name, bytes]] : []))), reading);
}

/** Prepares an engine. Default: the current one, or the automatic choice if there is none. */
export async function engineFor(name: EngineName | "auto" | undefined): Promise<Engine> {
  if (name) return useEngine(name);
  try {
    return currentEngine();
  } catch (error) {
    if (error instanceof EngineError) return useEngine("auto");
    throw error;
  }
}
