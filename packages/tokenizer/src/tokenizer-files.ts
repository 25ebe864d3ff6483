/** The files of a Hugging Face tokenizer, found and parsed. */

import { hubHint, parseJson } from "@mixtape/errors";
import { folderPath, isFolder, listFolder, readText } from "#files";
import { describe, type JsonObject } from "./fields.js";
import { messageOf, TokenizerError } from "./tokenizer-error.js";

/** The contents of one file. */
export type TokenizerFile = string | Blob | ArrayBuffer | Uint8Array;

/** File name (`tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`, …) to contents. */
export type TokenizerFiles = Readonly<Record<string, TokenizerFile>> | ReadonlyMap<string, TokenizerFile>;

/** Contents of the files. */
export interface TokenizerSource {
  /** Name for errors. */
  readonly where: string;
  readonly tokenizer: JsonObject;
  /** `tokenizer_config.json`. */
  readonly config: JsonObject;
  /** `special_tokens_map.json`. */
  readonly specialTokensMap?: JsonObject;
  /** `added_tokens.json`. */
  readonly addedTokens?: JsonObject;
  /** The model's `config.json`, which influences how transformers reads a tokenizer. */
  readonly modelConfig?: JsonObject;
  /** Chat templates in separate files, by name: `default`, and those of `additional_chat_templates`. */
  readonly chatTemplates?: ReadonlyMap<string, string>;
}

const TOKENIZER = "tokenizer.json";
const CONFIG = "tokenizer_config.json";
const SPECIAL_TOKENS = "special_tokens_map.json";
const ADDED_TOKENS = "added_tokens.json";
const MODEL_CONFIG = "config.json";
const TEMPLATE = "chat_template.jinja";
/** The folder of chat templates with names, beside the other files: `additional_chat_templates/rag.jinja`. */
export const CHAT_TEMPLATE_FOLDER = "additional_chat_templates";

/**
 * Names of the files that a tokenizer is read from. All but `tokenizer.json` are optional. A folder may also have
 * {@link CHAT_TEMPLATE_FOLDER}.
 */
export const TOKENIZER_FILES: readonly string[] = [
  TOKENIZER,
  CONFIG,
  SPECIAL_TOKENS,
  ADDED_TOKENS,
  TEMPLATE,
  MODEL_CONFIG,
];

/** Far above any tokenizer, and low enough to parse whole. */
const MAX_TOKENIZER_BYTES = 256 * 2 ** 20;
const MAX_OTHER_BYTES = 32 * 2 ** 20;

/** Reads a folder on disk. */
export async function readFolder(folder: string | URL): Promise<TokenizerSource> {
  const where = String(folder);
  let names: string[];
  try {
    names = await listFolder(folder);
    if (names.includes(CHAT_TEMPLATE_FOLDER)) names = names.concat(await listTemplates(folder));
  } catch (cause) {
    const expected = "a folder with a tokenizer";
    const { code } = cause as { readonly code?: unknown };
    const got = code === "ENOENT" ? "nothing of this name" : code === "ENOTDIR" ? "a file" : messageOf(cause);
    const fix = code === "ENOTDIR" ? "Pass the folder that contains it" : (hubHint(folder) ?? "Check the path");
    throw new TokenizerError({ where, expected, got, fix, cause });
  }
  return readSource(where, names, (name) => readText(folder, name, maxBytes(name)));
}

/** Lists the files in the folder of templates. As in transformers, a file of that name is ignored. */
async function listTemplates(folder: string | URL): Promise<string[]> {
  const path = `${folderPath(folder)}/${CHAT_TEMPLATE_FOLDER}`;
  if (!(await isFolder(path))) return [];
  return (await listFolder(path)).map((name) => `${CHAT_TEMPLATE_FOLDER}/${name}`);
}

/** Reads files in memory. */
export function readFiles(files: TokenizerFiles): Promise<TokenizerSource> {
  if (typeof files !== "object" || files === null)
    throw new TokenizerError({
      where: "tokenizer files",
      expected: "an object or a Map of names to contents",
      got: describe(files),
    });
  const map = isMap(files) ? files : new Map(Object.entries(files));
  return readSource("tokenizer files", [...map.keys()], (name) => text(map.get(name) as TokenizerFile, maxBytes(name)));
}

/** Narrows a parsed JSON value to an object. */
export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new TokenizerError({ where, expected: "a JSON object", got: value === null ? "null" : kind(value) });
}

async function readSource(
  where: string,
  names: readonly string[],
  read: (name: string) => Promise<string>,
): Promise<TokenizerSource> {
  const textOf = async (name: string): Promise<string> => {
    try {
      return await read(name);
    } catch (cause) {
      throw new TokenizerError({ where: `${where}: ${name}`, expected: "a file", got: messageOf(cause), cause });
    }
  };
  const parse = async (name: string): Promise<JsonObject> => {
    const at = `${where}: ${name}`;
    const json = await textOf(name);
    let value: unknown;
    try {
      value = parseJson(json);
    } catch (cause) {
      throw new TokenizerError({ where: at, expected: "JSON", got: messageOf(cause), cause });
    }
    refuseLoneSurrogates(json, at);
    return asObject(value, at);
  };
  const has = (name: string) => names.includes(name);
  if (!has(TOKENIZER)) throw withoutTokenizer(where, names);
  return {
    where,
    tokenizer: await parse(TOKENIZER),
    config: has(CONFIG) ? await parse(CONFIG) : {},
    ...(has(SPECIAL_TOKENS) ? { specialTokensMap: await parse(SPECIAL_TOKENS) } : {}),
    ...(has(ADDED_TOKENS) ? { addedTokens: await parse(ADDED_TOKENS) } : {}),
    ...(has(MODEL_CONFIG) ? { modelConfig: await parse(MODEL_CONFIG) } : {}),
    chatTemplates: await readTemplates(names, textOf),
  };
}

/** Reads `chat_template.jinja`, and `additional_chat_templates/NAME.jinja`. */
async function readTemplates(
  names: readonly string[],
  read: (name: string) => Promise<string>,
): Promise<Map<string, string>> {
  const templates = new Map<string, string>();
  if (names.includes(TEMPLATE)) templates.set("default", await read(TEMPLATE));
  const isOne = (name: string) => name.startsWith(`${CHAT_TEMPLATE_FOLDER}/`) && name.endsWith(".jinja");
  for (const name of names.filter(isOne).sort()) {
    templates.set(name.slice(CHAT_TEMPLATE_FOLDER.length + 1, -".jinja".length), await read(name));
  }
  return templates;
}

function withoutTokenizer(where: string, names: readonly string[]): TokenizerError {
  const old = ["tokenizer.model", "vocab.json"].find((name) => names.includes(name));
  return new TokenizerError({
    where,
    expected: `a file ${TOKENIZER}`,
    got: names.length === 0 ? "no files" : names.slice(0, 12).join(", ") + (names.length > 12 ? ", …" : ""),
    fix: old
      ? `${old} is an older format: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python writes ${TOKENIZER}`
      : `Copy ${TOKENIZER} from the model's page into the folder`,
  });
}

function isMap(files: TokenizerFiles): files is ReadonlyMap<string, TokenizerFile> {
  return files instanceof Map;
}

async function text(file: TokenizerFile, most: number): Promise<string> {
  const size = typeof file === "string" ? file.length : file instanceof Blob ? file.size : file.byteLength;
  if (size > most) throw new Error(`${size} bytes, above the limit of ${most}`);
  if (typeof file === "string") return file;
  // Like reading from a file: keeps a byte order mark, which JSON refuses and a template prints.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(file instanceof Blob ? await file.arrayBuffer() : file);
}

function maxBytes(name: string): number {
  return name === TOKENIZER ? MAX_TOKENIZER_BYTES : MAX_OTHER_BYTES;
}

/** Refuses lone surrogates, which can only be written as escapes. Python refuses such a file too. */
function refuseLoneSurrogates(json: string, where: string): void {
  if (!/\\u[dD][89a-fA-F]/.test(json)) return;
  const lone = json.match(LONE_ESCAPE)?.find((part) => /^\\u[dD][89a-fA-F]..$/.test(part));
  if (lone === undefined) return;
  throw new TokenizerError({ where, expected: "characters of Unicode", got: `${lone}, half a surrogate pair` });
}

/** Matches escapes in JSON; a pair of surrogates is one match. */
const LONE_ESCAPE = /\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\./g;

function kind(value: unknown): string {
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
