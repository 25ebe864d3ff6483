import type { Complaint, MixtapeError } from "@mixtape/errors";
import type { CheckpointSource } from "./folder.js";
import { isWebAddress } from "./http-source.js";
import { readSideFile } from "./side-file.js";

/** A JSON file beside the tensors. */
export interface JsonFile {
  /** What to call it in errors: its path or address, or its name in a map of files. */
  readonly where: string;
  /** Undefined where there is none. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A JSON object beside the tensors, such as `config.json`, read as {@link readSideFile} does.
 * @param Fault the error for a file that is no JSON object in UTF-8
 */
export async function readJsonFile(
  source: CheckpointSource,
  name: string,
  Fault: new (complaint: Complaint) => MixtapeError,
): Promise<JsonFile> {
  const where = whereIs(source, name);
  const bytes = await readSideFile(source, name);
  if (!bytes) return { where, json: undefined };
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { where, json: { ...json } };
    throw new TypeError(`it is ${Array.isArray(json) ? "a list" : String(json)}`);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new Fault({ where, expected: "a JSON object in UTF-8", got, cause });
  }
}

/** A query stays out of it: it may hold the key that opens the folder. */
function whereIs(source: CheckpointSource, name: string): string {
  if (source instanceof Map) return name;
  const folder = isWebAddress(source as string | URL) ? withoutQuery(source as string | URL) : String(source);
  return `${folder.replace(/\/$/, "")}/${name}`;
}

function withoutQuery(address: string | URL): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
