import { type ErrorDetails, type MixtapeError, parseJson } from "@mixtape/errors";
import { SafetensorsNotFoundError } from "./errors.js";
import { explainBytes } from "./explain-bytes.js";
import { type FetchOptions, isWebAddress } from "./fetch-options.js";
import { type CheckpointSource, isCheckpoint } from "./folder.js";
import { lookForSideFile } from "./side-file.js";

/** A JSON file beside the tensors. */
export interface JsonFile {
  /** Name for errors: its path or URL, or its name in a map of files. */
  readonly where: string;
  /** Undefined if it does not exist. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** Reason for its absence: a server may have refused it. */
  readonly absent?: SafetensorsNotFoundError;
}

/** Far above any config, and low enough to parse at once. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

/**
 * Reads a JSON object beside the tensors, such as `config.json`, like {@link readSideFile}; of at most 16 MiB.
 * @param ErrorClass the error for a file that is not a JSON object in UTF-8
 */
export async function readJsonFile(
  source: CheckpointSource,
  name: string,
  ErrorClass: new (complaint: ErrorDetails) => MixtapeError,
  options: FetchOptions = {},
): Promise<JsonFile> {
  const where = whereIs(source, name);
  const bytes = await lookForSideFile(source, name, options, MAX_JSON_BYTES);
  if (bytes instanceof SafetensorsNotFoundError) return { where, json: undefined, absent: bytes };
  const other = explainBytes(bytes);
  if (other) throw new ErrorClass({ where, expected: "a JSON object in UTF-8", ...other });
  try {
    const json: unknown = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return { where, json: { ...json } };
    throw new TypeError(`it is ${Array.isArray(json) ? "a list" : String(json)}`);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new ErrorClass({ where, expected: "a JSON object in UTF-8", got, cause });
  }
}

/** Omits the query: it may hold the access token of the folder. */
function whereIs(source: CheckpointSource, name: string): string {
  if (source instanceof Map) return name;
  if (isCheckpoint(source)) return `${source.name}: ${name}`;
  const folder = isWebAddress(source as string | URL) ? withoutQuery(source as string | URL) : String(source);
  return `${folder.replace(/\/$/, "")}/${name}`;
}

function withoutQuery(address: string | URL): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
