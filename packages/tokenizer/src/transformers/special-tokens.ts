/** Collects special tokens from all files that name some, as transformers 5.18 does. */

import { type AddedToken, addedToken, readAddedToken } from "../added-tokens/added-token.js";
import { badValue, Fields, isId, isObject, type JsonObject } from "../fields.js";

/** The keys of the named special tokens, in the order of transformers. */
const NAMED = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** Token declarations of the files, as parsed. */
export interface TokenFiles {
  readonly where: string;
  readonly tokenizer: JsonObject;
  readonly config: JsonObject;
  /** `special_tokens_map.json`. */
  readonly specialTokensMap?: JsonObject;
  /** `added_tokens.json`: tokens to ids. */
  readonly addedTokens?: JsonObject;
}

export interface SpecialTokens {
  /** `bos_token` and the like, and model-specific names. Absent and null ones are omitted. */
  readonly named: ReadonlyMap<string, AddedToken | string>;
  /** `extra_special_tokens`. */
  readonly extra: readonly (AddedToken | string)[];
  /** Added tokens that files list with ids, in the order of the ids. */
  readonly listed: readonly AddedToken[];
}

/**
 * Collects special tokens. `added_tokens_decoder` in `tokenizer_config.json` takes precedence over everything; without
 * it, `special_tokens_map.json` takes precedence over the config, and `tokenizer.json` and `added_tokens.json` list the
 * added tokens.
 *
 * @param defaults named tokens of the class, for keys that no file has
 */
export function gatherSpecialTokens(files: TokenFiles, defaults: Readonly<Record<string, string>>): SpecialTokens {
  const { config, where } = files;
  const at = `${where}: tokenizer_config.json`;
  const settings = new Map(Object.entries(config));
  useExtraFor(settings, "additional_special_tokens");
  const own = takeModelTokens(settings, at);
  const listed = new Map<number, AddedToken>();
  if (settings.has("added_tokens_decoder")) {
    const decoder = new Fields(settings.get("added_tokens_decoder"), `${at}: added_tokens_decoder`);
    for (const key of decoder.keys())
      listed.set(idOfKey(key, decoder.where), tokenOf(decoder.get(key), decoder.at(key)));
  } else {
    mergeTokensMap(settings, own, files);
    listFromFiles(listed, settings, files);
  }
  const byContent = new Map([...listed.values()].map((token) => [token.content, token]));
  const named = new Map<string, AddedToken | string>();
  for (const key of NAMED) {
    const value = settings.has(key) ? settings.get(key) : defaults[key];
    if (value === undefined || value === null) continue;
    const token = namedToken(value, `${at}: ${key}`);
    named.set(key, byContent.get(typeof token === "string" ? token : token.content) ?? token);
  }
  for (const [key, token] of own) named.set(key, token);
  // The reference looks twice: for a non-empty list, then for any.
  if (!settings.has("extra_special_tokens")) useExtraFor(settings, "additional_special_tokens");
  return {
    named,
    extra: listOf(settings.get("extra_special_tokens"), `${at}: extra_special_tokens`),
    listed: [...listed].sort(([a], [b]) => a - b).map(([, token]) => token),
  };
}

/** Uses the older name of `extra_special_tokens` if the newer is absent. */
function useExtraFor(settings: Map<string, unknown>, older: string): void {
  const extra = settings.get("extra_special_tokens");
  const empty = extra === undefined || extra === null || (Array.isArray(extra) && extra.length === 0);
  if (!settings.has(older) || !empty) return;
  settings.set("extra_special_tokens", settings.get(older));
  settings.delete(older);
}

/** Removes and returns model-specific tokens: other keys that end in `_token`, and an object of extra ones. */
function takeModelTokens(settings: Map<string, unknown>, where: string): Map<string, AddedToken | string> {
  const own = new Map<string, AddedToken | string>();
  for (const [key, value] of settings) {
    if (NAMED.includes(key) || !key.endsWith("_token")) continue;
    if (typeof value === "string" || isObject(value)) own.set(key, namedToken(value, `${where}: ${key}`));
  }
  takeExtraObject(settings, own, where);
  return own;
}

function takeExtraObject(settings: Map<string, unknown>, own: Map<string, AddedToken | string>, where: string): void {
  const extra = settings.get("extra_special_tokens");
  if (!isObject(extra)) return;
  for (const [key, value] of Object.entries(extra))
    own.set(key, namedToken(value, `${where}: extra_special_tokens.${key}`));
  settings.delete("extra_special_tokens");
}

/** Merges `special_tokens_map.json`, which takes precedence over the config. */
function mergeTokensMap(
  settings: Map<string, unknown>,
  own: Map<string, AddedToken | string>,
  { specialTokensMap = {}, where }: TokenFiles,
): void {
  const at = `${where}: special_tokens_map.json`;
  for (const [key, value] of Object.entries(specialTokensMap)) {
    if (key === "extra_special_tokens" && Array.isArray(value)) {
      settings.set(key, [...listOf(settings.get(key), at), ...listOf(value, `${at}: ${key}`)]);
    } else if (isObject(value) && key !== "extra_special_tokens") {
      settings.set(key, { ...tokenOf(value, `${at}: ${key}`), special: true });
    } else settings.set(key, value);
    if (!NAMED.includes(key) && key.endsWith("_token") && value !== null)
      own.set(key, namedToken(settings.get(key), `${at}: ${key}`));
  }
  takeExtraObject(settings, own, at);
}

function listFromFiles(
  listed: Map<number, AddedToken>,
  settings: ReadonlyMap<string, unknown>,
  files: TokenFiles,
): void {
  const { addedTokens = {}, tokenizer, where } = files;
  const extra = settings.get("extra_special_tokens");
  // As in the reference, objects of the config are ignored here, since they are not parsed yet.
  const special = new Set(
    [...NAMED.map((key) => settings.get(key)), ...(Array.isArray(extra) ? extra : [])]
      .filter((token) => typeof token === "string" || isAddedToken(token))
      .map(textOf),
  );
  for (const [content, id] of Object.entries(addedTokens)) {
    if (!isId(id)) throw badValue(`${where}: added_tokens.json: ${JSON.stringify(content)}`, "an id", id);
    listed.set(id, addedToken(content, { special: special.has(content) }));
  }
  const own = tokenizer.added_tokens ?? [];
  if (!Array.isArray(own)) throw badValue(`${where}: tokenizer.json: added_tokens`, "an array", own);
  for (const [i, value] of own.entries()) {
    const fields = new Fields(value, `${where}: tokenizer.json: added_tokens[${i}]`);
    listed.set(fields.whole("id"), readAddedToken(value, fields.where));
  }
}

function idOfKey(key: string, where: string): number {
  const id = /^\s*\d+\s*$/.test(key) ? Number(key) : undefined;
  if (!isId(id)) throw badValue(where, "ids for keys", key);
  return id;
}

function listOf(value: unknown, where: string): (AddedToken | string)[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badValue(where, "a list of tokens", value);
  return value.map((token, i) => namedToken(token, `${where}[${i}]`));
}

/** A token by its text, or with its options. */
function namedToken(value: unknown, where: string): AddedToken | string {
  return typeof value === "string" ? value : tokenOf(value, where);
}

function tokenOf(value: unknown, where: string): AddedToken {
  return isAddedToken(value) ? value : readAddedToken(value, where);
}

function isAddedToken(value: unknown): value is AddedToken {
  return isObject(value) && "singleWord" in value;
}

function textOf(token: unknown): unknown {
  return isObject(token) ? token.content : token;
}
