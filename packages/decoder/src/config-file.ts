import { type GenerationConfig, generationConfig } from "@mixtape/config";
import { type CheckpointSource, readSideFile } from "@mixtape/safetensors";
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
  const where = placeOf(source, "config.json");
  const json = await readJson(source, "config.json");
  if (json) return { json, where };
  throw new CheckpointError({
    where,
    expected: "a file",
    got: "none",
    fix: "A checkpoint in Hugging Face format has config.json beside its safetensors",
  });
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
  const json = await readJson(source, "generation_config.json");
  return json ? generationConfig.parse(json, { file: placeOf(source, "generation_config.json"), ignore }) : {};
}

async function readJson(source: CheckpointSource, name: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readSideFile(source, name);
  if (!bytes) return undefined;
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json };
    throw new TypeError(`it is ${Array.isArray(json) ? "a list" : String(json)}`);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError({ where: placeOf(source, name), expected: "a JSON object in UTF-8", got, cause });
  }
}

/** What to call a file of a checkpoint in errors. */
function placeOf(source: CheckpointSource, name: string): string {
  return source instanceof Map ? name : `${String(source).replace(/\/$/, "")}/${name}`;
}
