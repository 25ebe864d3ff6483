import {
  type ConfigDefinition,
  ConfigError,
  type ConfigIssue,
  type GenerationConfig,
  generationConfig,
  generationConfigIssues,
  unreadableGenerationConfig,
} from "@mixtape/config";
import { hubHint } from "@mixtape/errors";
import { canKeepInt8 } from "@mixtape/ops";
import { type CheckpointSource, explainSource, type FetchOptions, readJsonFile } from "@mixtape/safetensors";
import { CheckpointError } from "./errors.js";
import { listNames, type OnWarning, showName } from "./load-warning.js";

/** Result of {@link readConfig}. */
export interface ConfigFile {
  /** Keys of the model, without those of its quantisation. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Name for errors. */
  readonly where: string;
  /** Quantisation of the weights, and its key in the file; undefined for none. */
  readonly quantization?: { readonly key: string; readonly json: Readonly<Record<string, unknown>> };
}

/** Keys of `config.json` with the quantisation of the weights; MLX writes the last one. */
const QUANTIZATION_KEYS = ["quantization_config", "compression_config", "quantization"];

/**
 * Reads the `config.json` of a checkpoint, whose `model_type` names the family.
 * @throws {CheckpointError} if it does not exist, or is not a JSON object.
 */
export async function readConfig(source: CheckpointSource, options: FetchOptions = {}): Promise<ConfigFile> {
  const { json, where, absent } = await readJsonFile(source, "config.json", CheckpointError, options);
  if (json) return withoutQuantization(json, where);
  const got = absent && /^(HTTP \d+|a web page)$/.test(absent.got) ? absent.got : "none";
  const hints = [
    absent?.fix ?? (await explainSource(source)),
    "A checkpoint in Hugging Face format has config.json beside its safetensors",
    hubHint(source),
  ];
  throw new CheckpointError({ where, expected: "a file", got, fix: hints.filter(Boolean).join(". ") });
}

/** Separates the quantisation, which concerns the tensors alone: the model is the same. */
function withoutQuantization(json: ConfigFile["json"], where: string): ConfigFile {
  const key = QUANTIZATION_KEYS.find((name) => isObject(json[name]));
  if (key === undefined) return { json, where };
  const rest = Object.entries(json).filter(([name]) => !QUANTIZATION_KEYS.includes(name));
  return { json: Object.fromEntries(rest), where, quantization: { key, json: json[key] as ConfigFile["json"] } };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Treatment of unknown keys by {@link parseConfig}. */
export interface ParseConfigOptions {
  /** Keys to accept without a warning. */
  readonly ignore?: readonly string[] | undefined;
  /** Called once with all other unknown keys. */
  readonly onWarning: OnWarning;
}

/**
 * Parses the config of a checkpoint. Unknown keys are ignored with a warning, as transformers keeps them as attributes
 * that no model reads; so are the values that it tolerates.
 * @throws {ConfigError} for invalid values, or values that ask for computations that are not implemented
 */
export function parseConfig<C extends object>(
  definition: ConfigDefinition<C, object>,
  { json, where }: ConfigFile,
  { ignore, onWarning }: ParseConfigOptions,
): C {
  const unknown: ConfigIssue[] = [];
  const odd: ConfigIssue[] = [];
  const config = definition.parse(json, {
    file: where,
    ...(ignore && { ignore }),
    onWarning: (fault) =>
      (definition.explain(fault.key) === undefined && Object.hasOwn(json, fault.key) ? unknown : odd).push(fault),
  });
  if (unknown.length > 0) {
    const names = unknown.map(({ key }) => key);
    const keys = names.length === 1 ? "1 key" : `${names.length} keys`;
    const list = listNames(
      unknown.map(({ key, expected }) => `${showName(key)}${suggestion(expected)}`),
      LISTED,
    );
    const message = `${where}: ${keys} that no ${definition.modelType ?? "such"} model reads, ignored: ${list}`;
    onWarning({ kind: "unused-keys", names, message });
  }
  if (odd.length > 0) {
    const list = listNames(
      odd.map(({ key, expected, got }) => `${showName(key)}: expected ${expected}, got ${got}`),
      LISTED,
    );
    onWarning({
      kind: "odd-values",
      names: odd.map(({ key }) => key),
      message: `${where}: values that transformers tolerates: ${list}`,
    });
  }
  return config;
}

/** Extracts the known key that an unknown one resembles from its issue. */
function suggestion(expected: string): string {
  const near = / such as (\w+)$/.exec(expected)?.[1];
  return near ? ` (did you mean ${near}?)` : "";
}

/** Maximum number of listed keys. */
const LISTED = 12;

/**
 * Reads the `generation_config.json` of a checkpoint. Without one, the generation settings of `config.json` are used, as in
 * transformers: old checkpoints have them there. Unusable settings do not prevent loading: generation refuses them
 * ({@link generationConfigIssues}).
 * @param model the `config.json`
 * @param options keys to ignore, and options for fetching files
 */
export async function readGenerationConfig(
  source: CheckpointSource,
  model: ConfigFile,
  { ignore, fetching = {} }: { readonly ignore?: readonly string[] | undefined; readonly fetching?: FetchOptions } = {},
): Promise<GenerationConfig> {
  try {
    const { json, where } = await readJsonFile(source, "generation_config.json", CheckpointError, fetching);
    if (json) return generationConfig.parse(json, { file: where, ignore });
    const settings = generationSettings(model.json);
    return settings ? generationConfig.parse(settings, { file: model.where, ignore }) : {};
  } catch (error) {
    if (error instanceof CheckpointError) return unreadableGenerationConfig(error.where, error);
    if (error instanceof ConfigError) return unreadableGenerationConfig(error.file, error);
    throw error;
  }
}

/** Warns of a generation config that asks for a quantised cache, which is another one here. */
export function warnOfQuantizedCache(config: GenerationConfig, onWarning: OnWarning): void {
  if (config.cacheImplementation !== "quantized") return;
  const instead = canKeepInt8()
    ? "keys and values are kept in int8, with a scale of each head and position, while transformers"
    : "this engine keeps keys and values whole, while transformers";
  onWarning({
    kind: "quantized-cache",
    names: ["cache_implementation"],
    message:
      `${generationConfigIssues(config)?.file ?? "generation_config.json"}: cache_implementation is quantized: ${instead} ` +
      "rounds all but the last ones to cache_config.nbits, 4 by default: texts may differ",
  });
}

/** Token ids of the model's own config, with its defaults. */
const TOKENS: readonly string[] = ["bos_token_id", "eos_token_id", "pad_token_id"];

/** Returns the generation settings of a `config.json`; undefined if none of them would change a text. */
function generationSettings(json: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const settings = Object.entries(json).filter(([key, value]) => value !== null && generationConfig.explain(key));
  const counts = ([key]: readonly [string, unknown]): boolean =>
    !TOKENS.includes(key) && generationConfig.explain(key)?.role !== "ignored";
  return settings.some(counts) ? Object.fromEntries(settings) : undefined;
}
