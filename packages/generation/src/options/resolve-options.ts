import {
  type DecoderConfig,
  type GenerationConfig,
  type GenerationField,
  generationConfigIssues,
} from "@mixtape/config";
import type { ForCausalLM } from "@mixtape/decoder";
import { checkOptions, type Fix, type OptionNames } from "@mixtape/errors";
import { canKeepInt8, type KvCacheDtype } from "@mixtape/ops";
import { GenerationError } from "../generation-error.js";
import type { LogprobOptions } from "../logprobs.js";
import { contextLimit, kindOf } from "../prompts.js";
import type { GenerationOptions, ResolvedOptions, TextOptions } from "./generation-options.js";
import { checkGiven, checkValue, GENERATION_OPTIONS, OPTION_ENTRIES, show } from "./schema.js";
import { refuseUnusable, wayOut } from "./unusable-values.js";

/** The parts of a model that options are resolved against. */
export type GenerationDefaults = Pick<ForCausalLM, "config" | "generationConfig">;

/**
 * Fills in the defaults: an option of the call, else of the generation config (`defaults`, or the model's), else its default.
 * @param model or its `config` and `generationConfig`
 * @throws {OptionError} for an unknown option
 * @throws {GenerationError} naming the option that is out of its range, and the file that it comes from; also for values of that
 * file that cannot be used, unless the call overrides them
 */
export function resolveOptions(options: GenerationOptions, model: GenerationDefaults): ResolvedOptions {
  checkTokenOptions("resolveOptions", options);
  checkModel(model);
  const { config } = model;
  const defaults = options.defaults ?? model.generationConfig;
  const given = withDefaults(options, defaults);
  const eosTokenIds = new Set([endTokens(options, defaults, config) ?? []].flat());
  const sampling = options.temperature === undefined ? defaults.doSample : options.temperature > 0;
  const maxNewTokens = options.maxNewTokens ?? defaults.maxNewTokens;
  // A limit of new tokens takes precedence over one of prompt and text together.
  const maxLength = maxNewTokens === undefined ? defaults.maxLength : undefined;
  const resolved: ResolvedOptions = {
    ...given,
    maxNewTokens: maxNewTokens ?? maxLength ?? GENERATION_OPTIONS.maxNewTokens.default!,
    maxLength: Math.min(maxLength ?? Infinity, contextLimit(config)),
    doSample: (options.doSample ?? sampling ?? false) && options.temperature !== 0,
    eosTokenIds,
    padTokenId: options.padTokenId ?? defaults.padTokenId ?? config.padTokenId ?? [...eosTokenIds][0] ?? 0,
    kvCacheDtype: options.kvCacheDtype ?? cacheDtypeOf(defaults),
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 31),
    logprobs: logprobOptions(options.logprobs),
    promptLogprobs: logprobOptions(options.promptLogprobs)?.top ?? null,
  };
  refuseUnusable(resolved, options, defaults);
  checkDefaults(resolved, options, defaults);
  checkVocabulary(resolved, options, defaults, config);
  return resolved;
}

/** @throws {OptionError} for an unknown option @throws {GenerationError} for a value out of its range */
export function checkTokenOptions(where: string, options: GenerationOptions): void {
  checkOptions(where, options, TOKEN_OPTIONS);
  checkGiven(options);
}

/** As {@link checkTokenOptions}, for functions that write text. */
export function checkTextOptions(where: string, options: TextOptions): void {
  checkOptions(where, options, TEXT_OPTIONS);
  checkGiven(options);
}

const namesOf = <O extends object>(keep: (field: GenerationField) => boolean): OptionNames<O> =>
  Object.fromEntries(OPTION_ENTRIES.filter(([, field]) => keep(field)).map(([name]) => [name, true])) as OptionNames<O>;
const TEXT_OPTIONS = namesOf<TextOptions>(() => true);
const TOKEN_OPTIONS = namesOf<GenerationOptions>(({ textOnly }) => !textOnly);

/** Options that belong to the call as a whole, or that resolve to something of another name. */
const NOT_RESOLVED: ReadonlySet<string> = new Set(["stop", "cache", "routing", "defaults", "signal", "eosTokenId"]);

/** Returns every option with the value of the call, of the generation config, or the default. */
function withDefaults(options: GenerationOptions, defaults: GenerationConfig): ResolvedOptions {
  const values = OPTION_ENTRIES.filter(([name]) => !NOT_RESOLVED.has(name)).map(([name, field]) => {
    const value = (options as TextOptions)[name] ?? fromDefaults(name, field, options, defaults);
    return [name, value ?? field.default];
  });
  return Object.fromEntries(values) as ResolvedOptions;
}

/** The value of an option in the generation config; undefined if the call gives it, by null too. */
function fromDefaults(
  name: keyof TextOptions,
  { key }: GenerationField,
  options: GenerationOptions,
  defaults: GenerationConfig,
): unknown {
  if (key === null || (options as TextOptions)[name] !== undefined) return undefined;
  return (defaults as Readonly<Record<string, unknown>>)[name];
}

/** As in transformers, a generation config that was read from a file decides about end tokens even if it names none. */
function endTokens(
  options: GenerationOptions,
  defaults: GenerationConfig,
  config: DecoderConfig,
): number | readonly number[] | null | undefined {
  if (options.eosTokenId !== undefined) return options.eosTokenId;
  return generationConfigIssues(defaults) ? defaults.eosTokenId : (defaults.eosTokenId ?? config.eosTokenId);
}

/** A quantised cache of transformers rounds to fewer bits; where int8 is not possible, keys and values are kept whole. */
function cacheDtypeOf({ cacheImplementation }: GenerationConfig): KvCacheDtype {
  return cacheImplementation === "quantized" && canKeepInt8() ? "int8" : "auto";
}

function logprobOptions(value: GenerationOptions["logprobs"]): Required<LogprobOptions> | null {
  if (value === null || value === undefined || value === false) return null;
  const { top = 0, of = "logits" } = typeof value === "object" ? value : { top: typeof value === "number" ? value : 0 };
  return { top, of };
}

/** Checks the values that the generation config gives, which code may have made. */
function checkDefaults(resolved: ResolvedOptions, options: GenerationOptions, defaults: GenerationConfig): void {
  for (const [name, field] of OPTION_ENTRIES) {
    const value = fromDefaults(name, field, options, defaults);
    // transformers accepts any padding token until it is needed.
    if (value === undefined || value === null || name === "padTokenId") continue;
    const { where, fix } = sourceOf(name, options, defaults);
    checkValue(where, value, field, fix);
  }
  if (!resolved.doSample || options.temperature !== undefined || resolved.temperature > 0) return;
  throw new GenerationError({
    ...sourceOf("temperature", options, defaults),
    expected: "a number above 0 for sampling",
    got: `${resolved.temperature}`,
  });
}

/** Checks token ids that the model must have. */
function checkVocabulary(
  resolved: ResolvedOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
  { vocabSize }: DecoderConfig,
): void {
  for (const [name, { inVocabulary }] of OPTION_ENTRIES) {
    if (!inVocabulary || (name === "padTokenId" && options.padTokenId === undefined)) continue;
    const value = resolved[name as keyof ResolvedOptions] as number | readonly number[] | null;
    if ([value ?? []].flat().every((id) => id < vocabSize)) continue;
    const source = sourceOf(name, options, defaults);
    throw new GenerationError({ ...source, expected: `a token id below ${vocabSize}`, got: show(value) });
  }
}

/** Names the option, or the file and the key that its value comes from. */
function sourceOf(
  name: keyof TextOptions,
  options: GenerationOptions,
  defaults: GenerationConfig,
): { readonly where: string; readonly fix?: Fix } {
  const { key } = GENERATION_OPTIONS[name];
  const inCall = (options as TextOptions)[name] !== undefined;
  const file = inCall ? undefined : generationConfigIssues(defaults)?.file;
  return file === undefined || key === null ? { where: name } : { where: `${file}: ${key}`, fix: wayOut(name, key) };
}

/**
 * A model's config alone would omit its generation config in silence.
 * @throws {GenerationError} for anything else than a model
 */
export function checkModel(model: unknown): void {
  const { config, generationConfig } = (model ?? {}) as Partial<GenerationDefaults>;
  if (typeof config === "object" && typeof generationConfig === "object") return;
  const isConfig = typeof model === "object" && model !== null && "vocabSize" in model;
  throw new GenerationError({
    where: "model",
    expected: "a model, as loadModel gives it",
    got: isConfig ? "a config" : kindOf(model),
    fix: "resolveOptions takes the model itself too, not model.config: its generation config counts",
  });
}
