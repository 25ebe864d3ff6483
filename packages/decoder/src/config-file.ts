import { type GenerationConfig, generationConfig } from "@mixtape/config";
import { type CheckpointSource, readJsonFile } from "@mixtape/safetensors";
import { CheckpointError } from "./errors.js";

/** What {@link readConfig} found. */
export interface ConfigFile {
  readonly json: Readonly<Record<string, unknown>>;
  /** What to call it in errors. */
  readonly where: string;
}

/**
 * Reads the `config.json` of a checkpoint, which says by `model_type` of what family it is.
 * @throws {CheckpointError} where there is none, or it is no JSON object.
 */
export async function readConfig(source: CheckpointSource): Promise<ConfigFile> {
  const { json, where } = await readJsonFile(source, "config.json", CheckpointError);
  if (json) return { json, where };
  throw new CheckpointError({ where, expected: "a file", got: "none", fix: howToGet(source) });
}

/** Whoever knows transformers may give the name of a model on the Hub, `owner/name`, which is fetched there. */
function howToGet(source: CheckpointSource): string {
  const format = "A checkpoint in Hugging Face format has config.json beside its safetensors";
  if (typeof source !== "string" || !/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source)) return format;
  const command = `hf download ${source} --local-dir ${source}`;
  return `${format}. Nothing is downloaded here: if ${source} is a model on huggingface.co, "${command}" gets its files`;
}

/**
 * Reads the `generation_config.json` of a checkpoint; empty where there is none.
 * @throws {CheckpointError} where it is no JSON object.
 * @throws {ConfigError} where it asks for what generation here does not do.
 */
export async function readGenerationConfig(
  source: CheckpointSource,
  ignore?: readonly string[],
): Promise<GenerationConfig> {
  const { json, where } = await readJsonFile(source, "generation_config.json", CheckpointError);
  return json ? generationConfig.parse(json, { file: where, ignore }) : {};
}
