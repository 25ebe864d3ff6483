import { type Complaint, type MixtapeError, parseJson } from "@mixtape/errors";
import { SafetensorsNotFoundError } from "./errors.js";
import { explainBytes } from "./explain-bytes.js";
import { type FetchOptions, isWebAddress } from "./fetch-options.js";
import type { CheckpointSource } from "./folder.js";
import { lookForSideFile } from "./side-file.js";

/** A JSON file beside the tensors. */
export interface JsonFile {
  /** What to call it in errors: its path or address, or its name in a map of files. */
  readonly where: string;
  /** Undefined where there is none. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** Why there is none: a server may have refused it. */
  readonly absent?: SafetensorsNotFoundError;
}

/** Far above any config, and low enough to be parsed at once. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

/**
 * A JSON object beside the tensors, such as `config.json`, read as {@link readSideFile} does; of at most 16 MiB.
 * @param Fault the error for a file that is no JSON object in UTF-8
 */
export async function readJsonFile(
  source: CheckpointSource,
  name: string,
  Fault: new (complaint: Complaint) => MixtapeError,
  options: FetchOptions = {},
): Promise<JsonFile> {
  const where = whereIs(source, name);
  const bytes = await lookForSideFile(source, name, options, MAX_JSON_BYTES);
  if (bytes instanceof SafetensorsNotFoundError) return { where, json: undefined, absent: bytes };
  const other = explainBytes(bytes);
  if (other) throw new Fault({ where, expected: "a JSON object in UTF-8", ...other });
  try {
    const json: unknown = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
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
