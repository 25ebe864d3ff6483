import { ConfigError, type GenerationConfig, generationConfig, unreadableGenerationConfig } from "@mixtape/config";
import { hubHint } from "@mixtape/errors";
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
  const hint = hubHint(source);
  const fix = `A checkpoint in Hugging Face format has config.json beside its safetensors${hint ? `. ${hint}` : ""}`;
  throw new CheckpointError({ where, expected: "a file", got: "none", fix });
}

/**
 * Reads the `generation_config.json` of a checkpoint; empty where there is none. What it says does not stand in the way of loading:
 * generation refuses what cannot be used ({@link generationConfigFaults}).
 * @param ignore keys that are passed over
 */
export async function readGenerationConfig(
  source: CheckpointSource,
  ignore?: readonly string[],
): Promise<GenerationConfig> {
  try {
    const { json, where } = await readJsonFile(source, "generation_config.json", CheckpointError);
    return json ? generationConfig.parse(json, { file: where, ignore }) : {};
  } catch (error) {
    if (error instanceof CheckpointError) return unreadableGenerationConfig(error.where, error);
    if (error instanceof ConfigError) return unreadableGenerationConfig(error.file, error);
    throw error;
  }
}
