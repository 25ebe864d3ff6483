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
  const where = source instanceof Map ? "config.json" : `${String(source).replace(/\/$/, "")}/config.json`;
  const bytes = await readSideFile(source, "config.json");
  if (!bytes)
    throw new CheckpointError({
      where,
      expected: "a file",
      got: "none",
      fix: "A checkpoint in Hugging Face format has config.json beside its safetensors",
    });
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { json: { ...json }, where };
    throw new TypeError(`it is ${Array.isArray(json) ? "a list" : String(json)}`);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError({ where, expected: "a JSON object in UTF-8", got, cause });
  }
}
