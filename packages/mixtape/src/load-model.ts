import type { DecoderConfig } from "@mixtape/config";
import {
  checkLoadOptions,
  type ForCausalLM,
  fetchingOf,
  LOAD_OPTIONS,
  type LoadOptions,
  type ModelClass,
  parseConfig,
  readConfig,
  settleHead,
  weightBytes,
} from "@mixtape/decoder";
import { currentEngine, type Engine, EngineError, type EngineName, type MemoryLimit, useEngine } from "@mixtape/engine";
import { checkOptions, checkOptionTypes, type OptionNames } from "@mixtape/errors";
import { storageOf } from "@mixtape/ops";
import { type CheckpointSource, type Dtype, type FetchOptions, readSideFile } from "@mixtape/safetensors";
import { TOKENIZER_FILES, Tokenizer, TokenizerError, type TokenizerOptions } from "@mixtape/tokenizer";
import { familyOf } from "./families.js";
import { countDtypes, mainDtype, withTensors } from "./inspect-model.js";
import { ModelTooLargeError } from "./mixtape-error.js";

/** How a model is loaded. */
export interface LoadModelOptions extends LoadOptions {
  /** Engine to load the model onto. Default: the one in use, or the automatic choice where none is. */
  readonly engine?: EngineName | "auto";
  /**
   * Refuses weights that exceed the engine's limit or, in Node and where they are not mapped, the memory that the machine has
   * free. No weight is read before. Default true.
   */
  readonly checkMemory?: boolean;
}

const OPTIONS: OptionNames<LoadModelOptions> = { ...LOAD_OPTIONS, engine: true, checkMemory: true };

/**
 * Loads a checkpoint in Hugging Face format: finds its family by `model_type`, prepares an engine, checks that the weights
 * fit, and reads them.
 *
 * ```ts
 * const model = await loadModel("./Trinity-Nano-Preview");
 * ```
 *
 * @param source a folder (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an option that it does not know
 * @throws {UnknownFamilyError} for a `model_type` that no family is registered for
 * @throws {ConfigError} where the config asks for what the family does not do
 * @throws {ModelTooLargeError} where the weights do not fit, before any is read
 * @throws {CheckpointError} listing all missing and wrongly shaped tensors
 * @throws {EngineError} where the engine does not work here
 */
export async function loadModel(source: CheckpointSource, loadOptions: LoadModelOptions = {}): Promise<ForCausalLM> {
  checkOptions("loadModel", loadOptions, OPTIONS);
  checkOptionTypes("loadModel", loadOptions, { checkMemory: "boolean" });
  const { engine, checkMemory = true, ...options } = loadOptions;
  checkLoadOptions("loadModel", options);
  const fetching = { ...fetchingOf(options), onWarning: () => {} };
  const file = await readConfig(source, fetching);
  const Family = familyOf(file.json.model_type, file.where, file.json.architectures);
  // Warnings come from fromPretrained, which reads the same file.
  const config = parseConfig(Family.family.config, file, { ignore: options.ignore, onWarning: () => {} });
  const prepared = await engineFor(engine);
  if (checkMemory) await checkFit(Family, config, prepared, { source, fetching, where: file.where });
  return Family.fromPretrained(source, options);
}

/** How a tokenizer is loaded. */
export interface LoadTokenizerOptions extends TokenizerOptions {
  /** How files are fetched where the source is a URL. */
  readonly fetchOptions?: LoadModelOptions["fetchOptions"];
}

/**
 * Loads the tokenizer of a checkpoint.
 * @param source a folder (Node), the URL of one, or a map of file names to contents
 * @throws {OptionError} for an option that it does not know
 * @throws {TokenizerError} where there is no `tokenizer.json`, or a file is broken
 */
export async function loadTokenizer(source: CheckpointSource, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  checkOptions("loadTokenizer", options, { fetchOptions: true, onWarning: true });
  const { fetchOptions, ...reading } = options;
  if (typeof source !== "string" && !(source instanceof URL) && !(source instanceof Map))
    throw new TokenizerError({
      where: "loadTokenizer",
      expected: "a folder, a URL or a map of files",
      got: source === null ? "null" : typeof source,
    });
  if (!(source instanceof Map) && !/^https?:/i.test(String(source)))
    return Tokenizer.fromFolder(source as string | URL, reading);
  const read = async (name: string) => [name, await readSideFile(source, name, fetchOptions)] as const;
  const files = await Promise.all(TOKENIZER_FILES.map(read));
  return Tokenizer.fromFiles(new Map(files.flatMap(([name, bytes]) => (bytes ? [[name, bytes]] : []))), reading);
}

async function engineFor(name: EngineName | "auto" | undefined): Promise<Engine> {
  if (name) return useEngine(name);
  try {
    return currentEngine();
  } catch (error) {
    if (error instanceof EngineError) return useEngine("auto");
    throw error;
  }
}

async function checkFit(
  Family: ModelClass<ForCausalLM>,
  config: DecoderConfig,
  { name, backend, memoryLimit }: Engine,
  { source, fetching, where }: { source: CheckpointSource; fetching: FetchOptions; where: string },
): Promise<void> {
  const limits = [memoryLimit, storageOf(backend).mapped ? null : machineMemory()];
  const limitOf = (bytes: number) => limits.find((known) => known && bytes > known.bytes);
  const bytesOf = (of: DecoderConfig, dtype: Dtype) => weightBytes(new Family(of), backend, dtype);
  // A head that the config ties to the embedding may be another in the file, and then takes as much again.
  const untied = config.tieWordEmbeddings ? Family.family.config.with(config, { tieWordEmbeddings: false }) : config;
  if (!limitOf(bytesOf(untied, "F32"))) return;
  // The files are asked only where what they hold matters.
  const keepsDtypes = bytesOf(config, "BF16") !== bytesOf(config, "F32");
  const isHeadDecisive = !limitOf(bytesOf(config, "F32"));
  const bytes =
    keepsDtypes || isHeadDecisive
      ? await withTensors(
          source,
          async (tensors) => {
            const dtype = mainDtype(countDtypes(tensors));
            const fitsAnyway = !limitOf(bytesOf(untied, dtype));
            const settled = fitsAnyway
              ? config
              : await settleHead(Family.family.config, config, tensors, { where, onWarning: () => {} });
            return bytesOf(settled, dtype);
          },
          fetching,
        )
      : bytesOf(config, "F32");
  const limit = limitOf(bytes);
  if (!limit) return;
  throw new ModelTooLargeError({
    where,
    expected: `weights of at most ${gib(limit.bytes)} on the engine "${name}" (${limit.why})`,
    got: gib(bytes),
    fix: "Take an engine or a machine without this limit, a smaller model, or checkMemory: false to try all the same",
  });
}

/** What this machine has left, where that can be known: Node tells, browsers do not. */
function machineMemory(): MemoryLimit | null {
  const bytes = globalThis.process?.availableMemory?.();
  return bytes === undefined ? null : { bytes, why: "the memory that this machine has free" };
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
