/**
 * The schema of generation options: one entry per option, with its type, range, default and effect. The checks of every call, the
 * reading of `generation_config.json`, the flags and the help of `sample-generate generate`, and the table in the README come from
 * it. What the file may set is in `generationFields` of `@mixtape/config`; what only a call has is here.
 */
import { custom, type GenerationField, generationFields } from "@mixtape/config";
import type { Fix } from "@mixtape/errors";
import { Cache } from "@mixtape/layers";
import { KV_CACHE_DTYPES, type KvCacheDtype } from "@mixtape/ops";
import { GenerationError } from "../generation-error.js";
import type { LogprobOptions } from "../logprobs.js";
import type { GenerationOptions, TextOptions } from "./generation-options.js";

export type { GenerationField } from "@mixtape/config";

/** The entries of all options. */
export type OptionSchema = {
  readonly [Name in keyof TextOptions]-?: GenerationField<Exclude<TextOptions[Name], undefined>>;
};

/** The schema of all generation options, in the order of the docs. */
export const GENERATION_OPTIONS: OptionSchema = {
  ...generationFields,
  seed: {
    schema: custom((seed) => Number.isSafeInteger(seed), "an integer"),
    key: null,
    default: null,
    defaultText: "random",
    about: "seed sampling: the same seed draws the same tokens from the same logits",
    samplingOnly: true,
    flag: "--seed <s>",
  },
  logitsProcessors: {
    schema: custom(listOfParts("process"), "a list of logits processors, each { name, process } or { name, forRow }"),
    key: null,
    default: [],
    about: "change the logits of each row by processors of your own",
  },
  stoppingCriteria: {
    schema: custom(listOfParts("stop"), "a list of stopping criteria, each { name, stop } or { name, forRow }"),
    key: null,
    default: [],
    about: "end rows by criteria of your own",
  },
  sampler: {
    schema: custom(isPart("sample"), "a sampler, { name, sample } or { name, forRow }, or null"),
    key: null,
    default: null,
    about: "choose tokens by a sampler of your own",
  },
  logprobs: {
    schema: custom(isLogprobs, "true, a number of likeliest tokens, or { top, of } with of: logits or scores"),
    key: null,
    default: null,
    about: "return the log-probability of each new token, and of this many of the likeliest",
    flag: "--logprobs [n]",
  },
  promptLogprobs: {
    schema: custom((value) => typeof value === "boolean" || isCount(value), "true, or a number of likeliest tokens"),
    key: null,
    default: null,
    about: "return the log-probabilities of the prompt's tokens, and of this many of the likeliest",
    flag: "--prompt-logprobs [n]",
  },
  cache: {
    schema: custom((cache) => cache instanceof Cache, "a cache, such as model.createCache()"),
    key: null,
    default: null,
    defaultText: "one of its own",
    about: "go on from a cache of the model, and keep what is computed",
  },
  kvCacheDtype: {
    schema: custom((dtype) => KV_CACHE_DTYPES.includes(dtype as KvCacheDtype), KV_CACHE_DTYPES.join(" or ")),
    key: null,
    default: "auto",
    defaultText: "auto, the engine's choice; int8 if `cache_implementation` of the model is quantized",
    about: "keep keys and values of the cache in 8 bits, with one scale of each head and position",
    flag: "--kv-cache-dtype <dtype>",
  },
  prefillChunkSize: {
    schema: custom((size) => isCount(size) && size !== 0, "a whole number of at least 1"),
    key: null,
    default: 2048,
    about: "read long prompts in passes of this many tokens: longer passes are faster, and take more memory",
    flag: "--prefill-chunk-size <n>",
  },
  routing: {
    schema: custom(isObject, "a routing observer"),
    key: null,
    default: null,
    about: "observe and control the routing of tokens to experts",
  },
  defaults: {
    schema: custom(isObject, "an object"),
    key: null,
    default: null,
    defaultText: "the model's",
    about: "replace the model's `generation_config.json`",
  },
  signal: {
    schema: custom((signal) => isObject(signal) && "throwIfAborted" in signal && "aborted" in signal, "an AbortSignal"),
    key: null,
    default: null,
    about: "abort between two tokens",
  },
};

/** Entries of the schema as a list. */
export const OPTION_ENTRIES = Object.entries(GENERATION_OPTIONS) as unknown as readonly (readonly [
  keyof TextOptions,
  GenerationField,
])[];

/**
 * Checks the options that are given against their schemas.
 * @throws {GenerationError} naming the option, and the part of it that is wrong
 */
export function checkGiven(options: GenerationOptions | TextOptions): void {
  for (const [name, field] of OPTION_ENTRIES) {
    const value = (options as TextOptions)[name];
    if (value !== undefined) checkValue(name, value, field);
  }
}

/**
 * Checks one value.
 * @param where the option, or the file and the key that the value comes from
 * @throws {GenerationError}
 */
export function checkValue(where: string, value: unknown, { schema, default: none }: GenerationField, fix?: Fix): void {
  if (value === null && none === null) return;
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  if (!issue) return;
  const path = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  const got = issue.path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown>)?.[step], value);
  throw new GenerationError({
    where: where + path,
    expected: issue.message,
    got: show(got),
    ...(fix !== undefined && { fix }),
  });
}

/** Shows a value in an error. */
export function show(value: unknown): string {
  const plain = (_: string, inner: unknown): unknown => {
    if (typeof inner === "bigint") return `${inner}n`;
    return typeof inner === "function" ? "a function" : inner;
  };
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" && typeof value !== "string") return String(value);
  try {
    return JSON.stringify(value, plain);
  } catch {
    return "an object";
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isPart(method: string): (value: unknown) => boolean {
  return (value) => {
    if (!isObject(value)) return false;
    const { name, [method]: own, forRow } = value as Readonly<Record<string, unknown>>;
    return typeof name === "string" && name !== "" && (typeof own === "function" || typeof forRow === "function");
  };
}

function listOfParts(method: string): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(isPart(method));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isLogprobs(value: unknown): boolean {
  if (typeof value === "boolean" || isCount(value)) return true;
  if (!isObject(value) || Object.keys(value).some((key) => key !== "top" && key !== "of")) return false;
  const { top = 0, of = "logits" } = value as LogprobOptions;
  return isCount(top) && ["logits", "scores"].includes(of);
}
